import type { ServiceContext } from '../context.ts'
import { imageTeller } from './publish.ts'

/**
 * Takes references away from the images that held them until now, so that one reference names one image. Their new
 * holder is on the disk already: a crash in between leaves two holders and not none, and the next start settles it.
 */
export async function takeFromOthers(
  context: ServiceContext,
  references: readonly string[],
  newHolderId: string,
): Promise<void> {
  for (const other of context.images.list()) {
    if (other.id === newHolderId || !other.references.some((reference) => references.includes(reference))) continue
    const [kept, taken] = [false, true].map((isTaken) =>
      other.references.filter((reference) => references.includes(reference) === isTaken),
    ) as [string[], string[]]
    const tell = await imageTeller(context, other)
    await context.images.put({ ...other, references: kept })
    for (const reference of taken) tell('untag', reference)
  }
}

/** Leaves each reference to the image that got it last, where a crash has left it to several. */
export async function settleReferences(context: ServiceContext): Promise<void> {
  const seen = new Set<string>()
  const newestFirst = [...context.images.list()].sort((a, b) => b.namedAt.localeCompare(a.namedAt))
  for (const image of newestFirst) {
    const own = image.references.filter((reference) => !seen.has(reference))
    for (const reference of own) seen.add(reference)
    if (own.length < image.references.length) await context.images.put({ ...image, references: own })
  }
}
