import type { ImageRecord } from '../../store/schema.ts'

/** How many images stand on each layer, by chain id. */
export function countLayerUsers(images: readonly ImageRecord[]): ReadonlyMap<string, number> {
  const users = new Map<string, number>()
  for (const { layers } of images) {
    for (const chainId of new Set(layers.map((layer) => layer.chainId)))
      users.set(chainId, (users.get(chainId) ?? 0) + 1)
  }
  return users
}

/** Bytes of an image's layers, and of those that other images stand on too. */
export function sizesOf(
  { layers }: ImageRecord,
  users: ReadonlyMap<string, number>,
): { readonly sizeBytes: number; readonly sharedBytes: number } {
  const sum = (wanted: ImageRecord['layers']) => wanted.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0)
  return { sizeBytes: sum(layers), sharedBytes: sum(layers.filter(({ chainId }) => (users.get(chainId) ?? 0) > 1)) }
}
