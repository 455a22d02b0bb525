import { EngineError } from '../contract/errors.ts'
import type { PluginAnswer } from './plugin-client.ts'

/** A volume at a plugin. */
export interface PluginVolume {
  /** The plugin. */
  readonly driver: string
  readonly name: string
}
/** A volume as its plugin tells of it; texts are empty where it says nothing. */
export interface ForeignVolume extends PluginVolume {
  readonly mountpoint: string
  readonly createdAt: string
  readonly scope: 'local' | 'global'
}
/** Calls a plugin by its name. */
export type CallPlugin = (driver: string, method: string, body: object, timeoutMs?: number) => Promise<PluginAnswer>

/** One that was late is left out for as long: who lists volumes again and again does not wait again and again. */
const REST_MS = 30_000

/** Questions that go to every plugin at once. */
export function createAskAll({
  list,
  call,
  soonMs,
}: {
  readonly list: () => Promise<string[]>
  readonly call: CallPlugin
  readonly soonMs: number
}) {
  const lateAt = new Map<string, number>()
  const ask = async <T>(driver: string, work: (soon: CallPlugin) => Promise<T>): Promise<T> => {
    if (performance.now() - (lateAt.get(driver) ?? Number.NEGATIVE_INFINITY) < REST_MS)
      throw new EngineError('unavailable', 'volume.plugin-late', `volume plugin "${driver}" gave no answer a while ago`)
    try {
      return await work((name, method, body) => call(name, method, body, soonMs))
    } catch (error) {
      if (EngineError.from(error).reason === 'volume.plugin-failed') lateAt.set(driver, performance.now())
      throw error
    }
  }
  return {
    async find(name: string): Promise<ForeignVolume | null> {
      const look = (driver: string) =>
        ask(driver, async (soon) => {
          const volume = object((await soon(driver, 'VolumeDriver.Get', { Name: name }))['Volume'])
          return volume['Name'] === name ? toVolume(driver, volume, await askScope(soon, driver)) : null
        }).catch(() => null)
      return (await Promise.all((await list()).map(look))).find((found) => found !== null) ?? null
    },
    async listVolumes(): Promise<{ volumes: ForeignVolume[]; warnings: string[] }> {
      const warnings: string[] = []
      const look = (driver: string) =>
        ask(driver, async (soon) => {
          const { Volumes: told } = await soon(driver, 'VolumeDriver.List', {})
          const volumes = Array.isArray(told) ? told.map(object).filter(({ Name }) => text(Name) !== '') : []
          if (volumes.length === 0) return []
          const scope = await askScope(soon, driver)
          return volumes.map((volume) => toVolume(driver, volume, scope))
        }).catch((error: unknown) => {
          const { reason, message } = EngineError.from(error)
          // One for networks has its socket in the same folders.
          if (reason !== 'volume.plugin-kind') warnings.push(message)
          return []
        })
      return { volumes: (await Promise.all((await list()).map(look))).flat(), warnings }
    },
  }
}

/** Whether a plugin's volumes are the same on every host. */
export async function askScope(call: CallPlugin, driver: string): Promise<'local' | 'global'> {
  // The call came later than the others: a plugin need not have it.
  const answer = await call(driver, 'VolumeDriver.Capabilities', {}).catch((error: unknown) => {
    if (EngineError.from(error).reason === 'volume.plugin-refused') return {} as PluginAnswer
    throw error
  })
  return object(answer['Capabilities'])['Scope'] === 'global' ? 'global' : 'local'
}

const toVolume = (driver: string, volume: PluginAnswer, scope: ForeignVolume['scope']): ForeignVolume => ({
  driver,
  name: text(volume['Name']),
  mountpoint: text(volume['Mountpoint']),
  createdAt: Number.isNaN(Date.parse(text(volume['CreatedAt']))) ? '' : text(volume['CreatedAt']),
  scope,
})

export const object = (value: unknown): PluginAnswer =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PluginAnswer) : {}
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
