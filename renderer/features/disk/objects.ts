import type { DiskUsage } from '../../../engine/contract/system.ts'
import type { Page } from '../../state/view.ts'

/** One thing that takes room, and the page that shows it. */
export interface DiskObject {
  readonly kind: 'image' | 'container' | 'volume'
  readonly id: string
  readonly name: string
  readonly bytes: number
  /** Of them, those that it has in common with others: they stay when it goes. */
  readonly sharedBytes: number
  readonly isUsed: boolean
  readonly page: Page
}

/** Every image, container and volume, the largest first. */
export function diskObjects({ images, containers, volumes }: DiskUsage): readonly DiskObject[] {
  const isRunning = (status: string) => !['created', 'exited', 'dead'].includes(status)
  return [
    ...images.map(
      ({ id, references, sizeBytes, sharedBytes, usedBy }): DiskObject => ({
        kind: 'image',
        id,
        name: references.join(', ') || id.slice(7, 19),
        bytes: sizeBytes,
        sharedBytes,
        isUsed: usedBy.length > 0,
        page: 'images',
      }),
    ),
    ...containers.map(
      ({ id, name, status, ownBytes }): DiskObject => ({
        kind: 'container',
        id,
        name,
        bytes: ownBytes,
        sharedBytes: 0,
        isUsed: isRunning(status),
        page: 'containers',
      }),
    ),
    ...volumes.map(
      ({ name, sizeBytes, usedBy }): DiskObject => ({
        kind: 'volume',
        id: name,
        name,
        bytes: sizeBytes,
        sharedBytes: 0,
        isUsed: usedBy.length > 0,
        page: 'volumes',
      }),
    ),
  ].toSorted((a, b) => b.bytes - a.bytes)
}

/** The disk by kind: what is measured on it, so that shared layers count once. */
export function shareOf(usage: DiskUsage) {
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0)
  return [
    { kind: 'layers', bytes: usage.layerBytes },
    { kind: 'blobs', bytes: usage.blobBytes },
    { kind: 'containers', bytes: sum(usage.containers.map(({ ownBytes }) => ownBytes)) },
    { kind: 'volumes', bytes: sum(usage.volumes.map(({ sizeBytes }) => sizeBytes)) },
  ] as const
}
