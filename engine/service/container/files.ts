import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../../contract/errors.ts'
import type { OutgoingTar, PathChange, PathStat } from '../../runtime/container-files.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { mountVolumes, unmountVolumes } from '../volume/mounts.ts'
import { currentContainer, findContainer } from './find.ts'
import { publishContainer } from './update-state.ts'

export type { PathStat } from '../../runtime/container-files.ts'

/** What a path of a container names; a last link is not followed. */
export async function statContainerPath(context: ServiceContext, ref: string, path: string): Promise<PathStat> {
  return withFiles(context, ref, (record) => named(context.files.stat(record, path), record, path))
}

/** A file or folder of a container as a tar. Its files stay where they are until `ended`: one that does not run is not started. */
export async function readContainerArchive(
  context: ServiceContext,
  input: { readonly id: string; readonly path: string },
  signal: AbortSignal,
): Promise<OutgoingTar> {
  const tar = await holdFiles(context, input.id, (record) =>
    named(context.files.read(record, input.path, signal), record, input.path),
  )
  publishContainer(context, findContainer(context.containers, input.id), 'archive-path')
  return tar
}

/** Unpacks a tar into a folder of a container. */
export async function writeContainerArchive(
  context: ServiceContext,
  input: {
    readonly id: string
    readonly path: string
    readonly keepKinds: boolean
    /** The files become the container's user's. */
    readonly ownedByUser: boolean
  },
  content: Readable,
  signal: AbortSignal,
): Promise<void> {
  await withFiles(context, input.id, async (record) => {
    assertWritable(record, input.path)
    const owner = input.ownedByUser && record.process.user ? await ownerOf(context, record) : null
    const options = { path: input.path, keepKinds: input.keepKinds, owner }
    await named(context.files.write(record, content, options, signal), record, input.path)
    publishContainer(context, record, 'extract-to-dir')
  })
}

/** The container's user by its own /etc/passwd, for which the root of one that does not run is mounted. */
async function ownerOf(context: ServiceContext, record: ContainerRecord) {
  const { layout, runtime } = context
  if (record.state.init) return runtime.ownerOf(record)
  try {
    await runtime.mountRoot({
      lower: [...record.chainIds].reverse().map(layout.layer),
      upper: layout.upper(record.id),
      work: layout.work(record.id),
      target: layout.merged(record.id),
    })
    return await runtime.ownerOf(record)
  } finally {
    await runtime.unmountRoot(layout.merged(record.id))
  }
}

/** The whole root file system as a tar, without volumes. */
export async function exportContainer(context: ServiceContext, ref: string, signal: AbortSignal): Promise<OutgoingTar> {
  const tar = await holdFiles(context, ref, (record) => context.files.export(record, signal))
  publishContainer(context, findContainer(context.containers, ref), 'export')
  return tar
}

/** What a container has added, changed and removed of its image's files. */
export async function listContainerChanges(context: ServiceContext, ref: string): Promise<PathChange[]> {
  return context.files.changes(findContainer(context.containers, ref))
}

/** Works on the files of a container; one that does not run is not started meanwhile, for its layers are mounted elsewhere. */
async function withFiles<T>(
  context: ServiceContext,
  ref: string,
  work: (record: ContainerRecord) => Promise<T>,
): Promise<T> {
  const found = findContainer(context.containers, ref)
  if (found.state.init) return work(found)
  return context.locks.withLock(found.id, async () => {
    const record = currentContainer(context.containers, found.id)
    if (record.state.init) return work(record)
    try {
      return await work(await mountVolumes(context, record))
    } finally {
      await unmountVolumes(context, record.id)
    }
  })
}

/** The same for work that goes on after its answer: the lock is held until the tar has ended. */
async function holdFiles(
  context: ServiceContext,
  ref: string,
  work: (record: ContainerRecord) => Promise<OutgoingTar>,
): Promise<OutgoingTar> {
  return new Promise((resolve, reject) => {
    withFiles(context, ref, async (record) => {
      const tar = await work(record)
      resolve(tar)
      await tar.ended.catch(() => undefined)
    }).catch(reject)
  })
}

/** A root that is read-only for the container is so for copies too; a volume may be so by itself. */
function assertWritable({ config, mounts }: ContainerRecord, asked: string): void {
  // By where it leads: `/volume/../etc` is not in the volume.
  const path = posix.resolve('/', asked)
  const refuse = (what: string) =>
    new EngineError('invalidArgument', 'archive.read-only', `${what} is marked read-only`)
  const mount = mounts
    .filter(({ target }) => `${path}/`.startsWith(`${target.replace(/\/+$/, '')}/`))
    .sort((a, b) => b.target.length - a.target.length)[0]
  if (mount?.readOnly) throw refuse('mounted volume')
  if (!mount && config.readOnlyRootfs) throw refuse('container rootfs')
}

/** Docker says in which container a path is missing. */
async function named<T>(work: Promise<T>, { id }: ContainerRecord, path: string): Promise<T> {
  return work.catch((cause: unknown) => {
    const error = EngineError.from(cause)
    if (error.reason !== 'path.not-found') throw error
    throw new EngineError('notFound', error.reason, `Could not find the file ${path} in container ${id}`, { cause })
  })
}
