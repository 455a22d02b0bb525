import type { DiskUsage } from '../contract/system.ts'
import { familiarReference } from '../lib/reference.ts'
import type { ImageRecord } from '../store/schema.ts'
import type { ServiceContext } from './context.ts'
import { pruneImages } from './image/prune.ts'

/** What the data root is full of, measured on the disk, and what each prune would free. */
export async function measureDisk(context: ServiceContext): Promise<DiskUsage> {
  const { layout, runtime } = context
  const sizeOf = (folder: string) => runtime.treeSize(folder)
  const containers = context.containers.list()
  const [layerBytes, blobBytes, dangling, unused, own, volumes] = await Promise.all([
    sizeOf(layout.layers),
    sizeOf(layout.blobs),
    pruneImages(context, { all: false, dryRun: true }),
    pruneImages(context, { all: true, dryRun: true }),
    Promise.all(containers.map(({ id }) => sizeOf(layout.upper(id)))),
    Promise.all(context.volumes.list().map(({ name }) => sizeOf(layout.volumeData(name)))),
  ])
  return {
    layerBytes,
    blobBytes,
    danglingBytes: dangling.reclaimedBytes,
    unusedBytes: unused.reclaimedBytes,
    images: describeImages(context),
    containers: containers.map(({ id, name, state }, index) => ({
      id,
      name,
      status: state.status,
      ownBytes: own[index] ?? 0,
    })),
    volumes: context.volumes.list().map(({ name }, index) => ({
      name,
      sizeBytes: volumes[index] ?? 0,
      usedBy: containers.filter(({ mounts }) => mounts.some((mount) => mount.name === name)).map(({ id }) => id),
    })),
  }
}

/** Bytes of an image that others stand on too, and those that are its own. */
function describeImages(context: ServiceContext): DiskUsage['images'] {
  const records = context.images.list()
  const users = new Map<string, number>()
  for (const { layers } of records) {
    for (const chainId of new Set(layers.map((layer) => layer.chainId))) {
      users.set(chainId, (users.get(chainId) ?? 0) + 1)
    }
  }
  const bytesOf = ({ layers }: ImageRecord, isWanted: (count: number) => boolean) =>
    layers.filter(({ chainId }) => isWanted(users.get(chainId) ?? 0)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return records.map((record) => ({
    id: record.id,
    references: record.references.map(familiarReference),
    sizeBytes: bytesOf(record, () => true),
    sharedBytes: bytesOf(record, (count) => count > 1),
    usedBy: context.containers
      .list()
      .filter(({ imageId }) => imageId === record.id)
      .map(({ id }) => id),
  }))
}
