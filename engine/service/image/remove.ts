import { EngineError } from '../../contract/errors.ts'
import { normalizeReference } from '../../lib/reference.ts'
import type { ContainerRecord, ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { contentOf, findImage, nameIn } from './find.ts'
import { imageTeller } from './publish.ts'
import { takeFromOthers } from './references.ts'

/** Gives an image one more reference; an image that held it loses it. */
export async function tagImage(context: ServiceContext, ref: string, reference: string): Promise<void> {
  await context.locks.withLock('images', async () => {
    const record = findImage(context.images, ref)
    const normal = normalizeReference(reference)
    if (!record.references.includes(normal)) {
      const namedAt = context.now().toISOString()
      await context.images.put({ ...record, references: [...record.references, normal], namedAt })
    }
    await takeFromOthers(context, [normal], record.id)
    ;(await imageTeller(context, record))('tag', normal)
  })
}

/**
 * Removes a reference, or with the last one the image and every layer that nothing else uses, by Docker's rules: a name
 * goes by itself while there are others; the last goes only by force while a container stands on the image, which then
 * stays without a name; what runs keeps its image whatever is asked.
 */
export async function removeImage(
  context: ServiceContext,
  ref: string,
  force: boolean,
  { evenStopped = force }: { readonly evenStopped?: boolean } = {},
): Promise<RemovedImage> {
  return context.locks.withLock('images', () =>
    // Nobody makes a container of it between the check and the removal.
    context.locks.withLock('containers', () => {
      const record = findImage(context.images, ref)
      const asked = { ref, force, evenStopped }
      const named = nameIn(record, ref)
      return named ? removeName(context, record, named, asked) : removeById(context, record, asked)
    }),
  )
}

interface RemovedImage {
  readonly deleted: string[]
  readonly untagged: string[]
}
interface Asked {
  readonly ref: string
  readonly force: boolean
  readonly evenStopped: boolean
}

async function removeName(
  context: ServiceContext,
  record: ImageRecord,
  name: string,
  asked: Asked,
): Promise<RemovedImage> {
  if (record.repoDigests.includes(name) && namesOf(record).length > 1) return removeDigest(context, record, name)
  const isLast = record.references.length <= 1
  const user = usersOf(context, record)[0]
  if (isLast && user && !asked.force) {
    throw inUse(
      record,
      user,
      `unable to remove repository reference "${asked.ref}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${record.id.slice(7, 19)}`,
    )
  }
  if (isLast && !user) return deleteWhole(context, record)
  const repository = repositoryOf(name)
  const references = record.references.filter((reference) => reference !== name)
  const isGone = !references.some((reference) => repositoryOf(reference) === repository)
  const leaving = isGone ? record.repoDigests.filter((digest) => repositoryOf(digest) === repository) : []
  const repoDigests = record.repoDigests.filter((digest) => !leaving.includes(digest))
  const tell = await imageTeller(context, record)
  await context.images.put({ ...record, references, repoDigests })
  const untagged = [...new Set([name, ...leaving])]
  for (const one of untagged) tell('untag', one)
  return { deleted: [], untagged }
}

/** A digest that goes while the image has other names; a tag of the same repository stays. */
async function removeDigest(context: ServiceContext, record: ImageRecord, name: string): Promise<RemovedImage> {
  const repoDigests = record.repoDigests.filter((digest) => digest !== name)
  const tell = await imageTeller(context, record)
  await context.images.put({ ...record, repoDigests })
  tell('untag', name)
  return { deleted: [], untagged: [name] }
}

async function removeById(context: ServiceContext, record: ImageRecord, asked: Asked): Promise<RemovedImage> {
  const users = usersOf(context, record)
  const running = users.find(isRunning)
  const short = record.id.slice(7, 19)
  if (running) {
    throw inUse(
      record,
      running,
      `unable to delete ${short} (cannot be forced) - image is being used by running container ${running.id.slice(0, 12)}`,
    )
  }
  const [stopped] = users
  if (stopped && !asked.evenStopped) {
    throw inUse(
      record,
      stopped,
      `unable to delete ${short} (must be forced) - image is being used by stopped container ${stopped.id.slice(0, 12)}`,
    )
  }
  if (new Set(record.references.map(repositoryOf)).size > 1 && !asked.force) {
    throw new EngineError(
      'conflict',
      'image.many-references',
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    )
  }
  return stopped ? takeNames(context, record) : deleteWhole(context, record)
}

async function deleteWhole(context: ServiceContext, record: ImageRecord): Promise<RemovedImage> {
  return { deleted: [record.id, ...(await deleteImage(context, record))], untagged: namesOf(record) }
}

/** By force while a container stands on it: the names go, and a prune takes the rest once the container is gone. */
async function takeNames(context: ServiceContext, record: ImageRecord): Promise<RemovedImage> {
  const tell = await imageTeller(context, record)
  await context.images.put({ ...record, references: [], repoDigests: [] })
  for (const name of namesOf(record)) tell('untag', name)
  return { deleted: [], untagged: namesOf(record) }
}

const usersOf = (context: ServiceContext, record: ImageRecord) =>
  context.containers.list().filter(({ imageId }) => imageId === record.id)
const isRunning = ({ state }: ContainerRecord) => ['running', 'paused', 'restarting'].includes(state.status)
const namesOf = ({ references, repoDigests }: ImageRecord) => [...references, ...repoDigests]
/** `host/path` of `host/path:tag` and of `host/path@digest`. */
const repositoryOf = (name: string) => name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')

function inUse(record: ImageRecord, user: ContainerRecord, what: string): EngineError {
  return new EngineError('conflict', 'image.in-use', `conflict: ${what}`, {
    details: { image: record.id, container: user.name },
  })
}

/** Takes the record away, then every layer and blob that nothing else names; answers the layers. */
export async function deleteImage(context: ServiceContext, record: ImageRecord): Promise<string[]> {
  const tell = await imageTeller(context, record)
  await context.images.delete(record.id)
  const removed = await context.image.content.collect(contentOf(record))
  for (const name of namesOf(record)) tell('untag', name)
  tell('delete')
  return removed.filter((key) => key.startsWith('layer:')).map((key) => key.slice('layer:'.length))
}
