import { mkdir, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Host } from '../host/host.ts'

/** Folders that outlive containers. */
export interface VolumeDriver {
  create(dataFolder: string): Promise<void>
  /** Copies what the image has at `target` into a volume that is still empty. */
  populate(options: { readonly root: string; readonly target: string; readonly destination: string }): Promise<void>
  remove(folder: string): Promise<void>
  exists(hostPath: string): Promise<boolean>
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
    exists: (hostPath) =>
      stat(hostPath).then(
        () => true,
        () => false,
      ),
  }
}
