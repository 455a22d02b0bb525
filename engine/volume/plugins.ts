import { stat } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import {
  askScope,
  type CallPlugin,
  createAskAll,
  type ForeignVolume,
  object,
  type PluginVolume,
  text,
} from './ask-plugins.ts'
import { findPlugin, listPlugins } from './find-plugins.ts'
import { callPlugin, type PluginAnswer } from './plugin-client.ts'

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
  /** The volume of that name at whichever plugin has it; those that do not answer soon have not. */
  find(name: string): Promise<ForeignVolume | null>
  /** What every plugin has, and a warning of each that does not say soon. */
  listVolumes(): Promise<{ readonly volumes: readonly ForeignVolume[]; readonly warnings: readonly string[] }>
  /** Whether its volumes are the same on every host. */
  scope(driver: string): Promise<'local' | 'global'>
}

const TIMEOUT_MS = 30_000
/** Of a question that goes to every plugin: whoever lists volumes waits for the slowest. */
const SOON_MS = 3000

/** Plugins are looked up at every call, for they come and go; each is asked once what it is. */
export function createVolumePlugins({
  folders,
  timeoutMs: longestMs = TIMEOUT_MS,
  soonMs = SOON_MS,
}: {
  readonly folders: readonly string[]
  readonly timeoutMs?: number
  readonly soonMs?: number
}): VolumePlugins {
  const activated = new Set<string>()
  const call: CallPlugin = async (driver, method, body, timeoutMs = longestMs) => {
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
  const askAll = createAskAll({ list: () => listPlugins(folders), call, soonMs })
  return {
    list: () => listPlugins(folders),
    ...askAll,
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
    scope: (driver) => askScope(call, driver),
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
