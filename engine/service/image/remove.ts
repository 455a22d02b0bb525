import { EngineError } from '../../contract/errors.ts'
import { normalizeReference } from '../../lib/reference.ts'
import type { ContentKey } from '../../store/content.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findImage } from './find.ts'
import { moveReferences } from './import.ts'

/** Gives an image one more reference; an image that held it loses it. */
export async function tagImage(context: ServiceContext, ref: string, reference: string): Promise<void> {
  await context.locks.withLock('images', async () => {
    const record = findImage(context.images, ref)
    const normal = normalizeReference(reference)
    await moveReferences(context, [normal], record.id)
    if (!record.references.includes(normal)) {
      await context.images.put({ ...record, references: [...record.references, normal] })
    }
    context.bus.publish({ type: 'image', action: 'tag', id: record.id, attributes: { name: normal } })
  })
}

/** Removes a reference, or with the last one the image and every layer that nothing else uses. */
export async function removeImage(
  context: ServiceContext,
  ref: string,
  force: boolean,
): Promise<{ deleted: string[]; untagged: string[] }> {
  return context.locks.withLock('images', async () => {
    const record = findImage(context.images, ref)
    const named = record.references.find((reference) => reference === safeNormalize(ref))
    if (named && record.references.length > 1) {
      await context.images.put({ ...record, references: record.references.filter((reference) => reference !== named) })
      context.bus.publish({ type: 'image', action: 'untag', id: record.id, attributes: { name: named } })
      return { deleted: [], untagged: [named] }
    }
    // Nobody makes a container of it between the check and the removal.
    const deleted = await context.locks.withLock('containers', () => {
      assertUnused(context, record, { ref, force })
      return deleteImage(context, record)
    })
    return { deleted: [record.id, ...deleted], untagged: record.references.slice() }
  })
}

function assertUnused(context: ServiceContext, record: ImageRecord, asked: { ref: string; force: boolean }): void {
  const user = context.containers.list().find((container) => container.imageId === record.id)
  if (user) {
    const verb = ['running', 'paused'].includes(user.state.status) ? 'running ' : 'stopped '
    throw new EngineError(
      'conflict',
      'image.in-use',
      `conflict: unable to remove image "${asked.ref}": image is being used by ${verb}container ${user.id.slice(0, 12)} (${user.name}); remove the container first`,
      { details: { image: record.id, container: user.name } },
    )
  }
  if (record.references.length > 1 && !asked.force) {
    throw new EngineError(
      'conflict',
      'image.many-references',
      `conflict: unable to delete ${record.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    )
  }
}

/** Takes the record away, then every layer and blob that nothing else names; answers the layers. */
export async function deleteImage(context: ServiceContext, record: ImageRecord): Promise<string[]> {
  await context.images.delete(record.id)
  const removed = await context.image.content.collect([
    ...record.layers.map(({ chainId }): ContentKey => `layer:${chainId}`).reverse(),
    ...record.layers.map(({ digest }): ContentKey => `blob:${digest}`),
    `blob:${record.id}`,
    ...(record.manifest ? [`blob:${record.manifest.digest}` as const] : []),
  ])
  context.bus.publish({ type: 'image', action: 'delete', id: record.id })
  return removed.filter((key) => key.startsWith('layer:')).map((key) => key.slice('layer:'.length))
}

function safeNormalize(ref: string): string | null {
  try {
    return normalizeReference(ref)
  } catch {
    return null
  }
}
