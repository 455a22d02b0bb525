import { stat } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import { findPlugin, listPlugins } from './find-plugins.ts'
import { callPlugin, type PluginAnswer } from './plugin-client.ts'

/** A volume at a plugin. */
export interface PluginVolume {
  /** The plugin. */
  readonly driver: string
  readonly name: string
}

/** Volumes that other programs serve, by Docker's plugin protocol on a unix socket. */
export interface VolumePlugins {
  /** Names of the plugins that are there. */
  list(): Promise<string[]>
  create(volume: PluginVolume, options: Readonly<Record<string, string>>): Promise<void>
  /** Where it is mounted (`''`: nowhere), and what the plugin tells of it. */
  get(volume: PluginVolume): Promise<{ mountpoint: string; status: PluginAnswer }>
  /** Mounts it for the holder `id`; answers where. */
  mount(volume: PluginVolume, id: string): Promise<string>
  unmount(volume: PluginVolume, id: string): Promise<void>
  remove(volume: PluginVolume): Promise<void>
  /** Whether its volumes are the same on every host. */
  scope(driver: string): Promise<'local' | 'global'>
}

const TIMEOUT_MS = 30_000

/** Plugins are looked up at every call, for they come and go; each is asked once what it is. */
export function createVolumePlugins({
  folders,
  timeoutMs = TIMEOUT_MS,
}: {
  readonly folders: readonly string[]
  readonly timeoutMs?: number
}): VolumePlugins {
  const activated = new Set<string>()
  const call = async (driver: string, method: string, body: object): Promise<PluginAnswer> => {
    const plugin = await findPlugin(folders, driver)
    const ask = (name: string, content: object) => callPlugin(plugin, { method: name, body: content, timeoutMs })
    try {
      if (!activated.has(plugin.socketPath)) {
        const { Implements: kinds } = await ask('Plugin.Activate', {})
        if (!Array.isArray(kinds) || !kinds.includes('VolumeDriver'))
          throw new EngineError(
            'invalidArgument',
            'volume.plugin-kind',
            `error looking up volume plugin ${driver}: plugin "${driver}" does not implement VolumeDriver`,
          )
        activated.add(plugin.socketPath)
      }
      return await ask(method, body)
    } catch (error) {
      // Another program may listen there when it is back.
      if (EngineError.from(error).reason === 'volume.plugin-failed') activated.delete(plugin.socketPath)
      throw error
    }
  }
  return {
    list: () => listPlugins(folders),
    create: async ({ driver, name }, options) => {
      await call(driver, 'VolumeDriver.Create', { Name: name, Opts: options })
    },
    get: async ({ driver, name }) => {
      const volume = object((await call(driver, 'VolumeDriver.Get', { Name: name }))['Volume'])
      const mountpoint =
        text(volume['Mountpoint']) || text((await call(driver, 'VolumeDriver.Path', { Name: name }))['Mountpoint'])
      return { mountpoint, status: object(volume['Status']) }
    },
    mount: async ({ driver, name }, id) => {
      const mountpoint = text((await call(driver, 'VolumeDriver.Mount', { Name: name, ID: id }))['Mountpoint'])
      await assertMountpoint({ driver, name }, mountpoint)
      return mountpoint
    },
    unmount: async ({ driver, name }, id) => {
      await call(driver, 'VolumeDriver.Unmount', { Name: name, ID: id })
    },
    remove: async ({ driver, name }) => {
      await call(driver, 'VolumeDriver.Remove', { Name: name })
    },
    scope: async (driver) => {
      // The call came later than the others: a plugin need not have it.
      const answer = await call(driver, 'VolumeDriver.Capabilities', {}).catch((error: unknown) => {
        if (EngineError.from(error).reason === 'volume.plugin-refused') return {} as PluginAnswer
        throw error
      })
      return object(answer['Capabilities'])['Scope'] === 'global' ? 'global' : 'local'
    },
  }
}

async function assertMountpoint({ driver, name }: PluginVolume, mountpoint: string): Promise<void> {
  const isThere = path.isAbsolute(mountpoint) && (await stat(mountpoint).catch(() => undefined))
  if (isThere) return
  throw new EngineError(
    'unavailable',
    'volume.plugin-mountpoint',
    `volume plugin "${driver}" says that it mounted ${name} at ${JSON.stringify(mountpoint.slice(0, 200))}, which cannot be found`,
  )
}

const object = (value: unknown): PluginAnswer =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PluginAnswer) : {}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
