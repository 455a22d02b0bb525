import { EngineError } from '../../contract/errors.ts'
import { normalizeReference, parseReference } from '../../lib/reference.ts'
import type { ContentKey, Lease } from '../../store/content.ts'
import type { RecordStore } from '../../store/records.ts'
import type { ImageRecord } from '../../store/schema.ts'

/** An image by reference, full id, or unique prefix of its id. */
export function findImage(store: RecordStore<ImageRecord>, ref: string): ImageRecord {
  const all = store.list()
  const hex = ref.replace(/^sha256:/, '')
  if (/^[0-9a-f]{64}$/.test(hex)) {
    const exact = store.get(`sha256:${hex}`)
    if (exact) return exact
  }
  const named = all.find((record) => nameIn(record, ref) !== null)
  if (named) return named
  if (/^[0-9a-f]{4,64}$/.test(hex)) {
    const matches = all.filter((record) => record.id.startsWith(`sha256:${hex}`))
    const [match, second] = matches
    if (second) throw new EngineError('invalidArgument', 'image.ambiguous', `multiple images found with prefix ${ref}`)
    if (match) return match
  }
  throw new EngineError('notFound', 'image.not-found', `No such image: ${ref}`, { details: { image: ref } })
}

/** The name of an image that a text means, as it stands in its record: a reference or a digest; `null` for none. */
export function nameIn(record: ImageRecord, ref: string): string | null {
  const name = tryName(ref)
  return name && record[name.kind].includes(name.text) ? name.text : null
}

/** A text as it stands in records: `host/path:tag`, or `host/path@digest`, whose tag means nothing. */
function tryName(ref: string): { readonly kind: 'references' | 'repoDigests'; readonly text: string } | null {
  try {
    const { host, path, digest } = parseReference(ref)
    if (digest) return { kind: 'repoDigests', text: `${host}/${path}@${digest}` }
    return { kind: 'references', text: normalizeReference(ref) }
  } catch {
    return null
  }
}

/** Every part of an image: its layers with the upper ones first, their blobs, its config and its manifest. */
export function contentOf({ id, manifest, layers }: ImageRecord): ContentKey[] {
  return [
    ...layers.map(({ chainId }): ContentKey => `layer:${chainId}`).reverse(),
    ...layers.map(({ digest }): ContentKey => `blob:${digest}`),
    `blob:${id}`,
    ...(manifest ? [`blob:${manifest.digest}` as const] : []),
  ]
}

/** Keeps every part of an image from removal. Call it in the same turn in which the record was read. */
export function holdImage(lease: Lease, record: ImageRecord): void {
  lease.hold(...contentOf(record))
}
