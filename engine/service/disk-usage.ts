import type { DiskUsage } from '../contract/system.ts'
import { familiarReference } from '../lib/reference.ts'
import type { ServiceContext } from './context.ts'
import { pruneImages } from './image/prune.ts'
import { countLayerUsers, sizesOf } from './image/sharing.ts'
import { measureVolumes } from './volume/volumes.ts'

/** Bytes of layers and blobs on the disk, and what each image has of them. */
export async function measureImages({ layout, runtime, ...context }: ServiceContext) {
  const [layerBytes, blobBytes] = await Promise.all([layout.layers, layout.blobs].map((path) => runtime.treeSize(path)))
  return { layerBytes: layerBytes ?? 0, blobBytes: blobBytes ?? 0, images: describeImages(context) }
}

/** What the data root is full of, measured on the disk, and what each prune would free. */
export async function measureDisk(context: ServiceContext): Promise<DiskUsage> {
  const { layout, runtime } = context
  const sizeOf = (folder: string) => runtime.treeSize(folder)
  const containers = context.containers.list()
  const [images, dangling, unused, own, volumes] = await Promise.all([
    measureImages(context),
    pruneImages(context, { all: false, dryRun: true }),
    pruneImages(context, { all: true, dryRun: true }),
    Promise.all(containers.map(({ id }) => sizeOf(layout.upper(id)))),
    measureVolumes(context),
  ])
  return {
    ...images,
    danglingBytes: dangling.reclaimedBytes,
    unusedBytes: unused.reclaimedBytes,
    containers: containers.map(({ id, name, state }, index) => ({
      id,
      name,
      status: state.status,
      ownBytes: own[index] ?? 0,
    })),
    volumes: context.volumes.list().map(({ name }) => ({
      name,
      sizeBytes: volumes[name] ?? 0,
      usedBy: containers.filter(({ mounts }) => mounts.some((mount) => mount.name === name)).map(({ id }) => id),
    })),
  }
}

/** Bytes of an image that others stand on too, and those that are its own. */
function describeImages(context: Pick<ServiceContext, 'images' | 'containers'>): DiskUsage['images'] {
  const records = context.images.list()
  const users = countLayerUsers(records)
  return records.map((record) => ({
    id: record.id,
    references: record.references.map(familiarReference),
    ...sizesOf(record, users),
    usedBy: context.containers
      .list()
      .filter(({ imageId }) => imageId === record.id)
      .map(({ id }) => id),
  }))
}
