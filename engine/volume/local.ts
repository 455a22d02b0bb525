import { randomBytes } from 'node:crypto'
import { mkdir, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Host } from '../host/host.ts'
import type { LocalMount } from './local-options.ts'

/** Folders that outlive containers. */
export interface VolumeDriver {
  create(dataFolder: string): Promise<void>
  /** Copies what the image has at `target` into a volume that is still empty. */
  populate(options: { readonly root: string; readonly target: string; readonly destination: string }): Promise<void>
  remove(folder: string): Promise<void>
  /** Moves a volume's folder to a name beside it that no volume has, and answers it; `''` where there is none. */
  setAside(folder: string): Promise<string>
  exists(hostPath: string): Promise<boolean>
  /** Mounts what a volume's options name on its data folder; once, however often it is asked for. */
  mount(options: LocalMount, dataFolder: string): Promise<void>
  /** Takes that away again; none is fine. */
  unmount(dataFolder: string): Promise<void>
}

/** The `local` driver: a folder under the data root. */
export function createLocalVolumeDriver(host: Host): VolumeDriver {
  return {
    create: async (dataFolder) => {
      await mkdir(path.dirname(dataFolder), { recursive: true, mode: 0o700 })
      await host.makeFolder({ path: dataFolder, mode: 0o755 })
    },
    populate: ({ root, target, destination }) => host.copyFromRoot({ root, path: target, destination }),
    remove: (folder) => host.removeTree({ path: folder }),
    setAside: async (folder) => {
      const aside = path.join(path.dirname(folder), `.removed-${randomBytes(8).toString('hex')}`)
      return rename(folder, aside).then(
        () => aside,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return ''
          throw error
        },
      )
    },
    exists: (hostPath) =>
      stat(hostPath).then(
        () => true,
        () => false,
      ),
    mount: (options, target) => host.mountVolume({ ...options, target }),
    unmount: (target) => host.unmountVolume({ target }),
  }
}
