import { stat } from 'node:fs/promises'
import type { ImageSummary } from '../../contract/image.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { publishPrune } from '../prune.ts'
import { contentOf } from './find.ts'
import { listImages } from './list.ts'
import { removeImage } from './remove.ts'

export interface PruneOptions {
  /** Every image that no container uses; else only those without a name. */
  readonly all: boolean
  /** Tells what would go and removes nothing. */
  readonly dryRun: boolean
  readonly isWanted?: (image: ImageSummary) => boolean
}
export interface PrunedImages {
  readonly deleted: string[]
  readonly untagged: string[]
  /** Bytes of layers that no image and no container is left to use; what a dry run tells has the blobs that go with them. */
  readonly reclaimedBytes: number
}

/** Removes images that no container uses. */
export async function pruneImages(context: ServiceContext, options: PruneOptions): Promise<PrunedImages> {
  const prunable = (await listImages(context)).filter(
    (image) =>
      image.usedBy.length === 0 &&
      (options.all || image.references.length === 0) &&
      (options.isWanted?.(image) ?? true),
  )
  const records = prunable.flatMap(({ id }) => context.images.get(id) ?? [])
  if (options.dryRun) return foresee(context, records)
  const deleted: string[] = []
  const untagged: string[] = []
  let reclaimedBytes = 0
  for (const record of records) {
    // One that was taken into use or removed meanwhile is left alone.
    const gone = await removeImage(context, record.id, true, { evenStopped: false }).catch(() => null)
    if (!gone) continue
    reclaimedBytes += sizeOf(record, new Set(gone.deleted))
    deleted.push(...gone.deleted)
    untagged.push(...gone.untagged)
  }
  // What was left over by a crash goes with it.
  await context.image.sweep()
  publishPrune(context, 'image', reclaimedBytes)
  return { deleted, untagged, reclaimedBytes }
}

async function foresee(context: ServiceContext, records: readonly ImageRecord[]): Promise<PrunedImages> {
  const going = new Set(records.map(({ id }) => id))
  const kept = blobsOf(context.images.list().filter(({ id }) => !going.has(id)))
  const blobs = await sizesOfBlobs(context, new Set([...blobsOf(records)].filter((digest) => !kept.has(digest))))
  const staying = new Set([
    ...context.images
      .list()
      .filter(({ id }) => !going.has(id))
      .flatMap(({ layers }) => layers.map(({ chainId }) => chainId)),
    ...context.containers.list().flatMap(({ chainIds }) => chainIds),
  ])
  const freed = new Map(
    records
      .flatMap(({ layers }) => layers)
      .filter(({ chainId }) => !staying.has(chainId))
      .map(({ chainId, sizeBytes }) => [chainId, sizeBytes]),
  )
  return {
    deleted: [...going, ...freed.keys()],
    untagged: records.flatMap(({ references }) => references),
    reclaimedBytes: [...freed.values(), ...blobs].reduce((sum, bytes) => sum + bytes, 0),
  }
}

/** Blobs that images are made of: layers as they came, configs and manifests. */
const blobsOf = (records: readonly ImageRecord[]): Set<string> =>
  new Set(records.flatMap(contentOf).flatMap((key) => (key.startsWith('blob:') ? key.slice('blob:'.length) : [])))

/** Of those that are there: a layer need not be kept as it came. */
const sizesOfBlobs = ({ layout }: ServiceContext, digests: ReadonlySet<string>): Promise<number[]> =>
  Promise.all(
    [...digests].map((digest) =>
      stat(layout.blob(digest)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )

const sizeOf = ({ layers }: ImageRecord, gone: ReadonlySet<string>) =>
  layers.filter(({ chainId }) => gone.has(chainId)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
