import { createHash, randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EngineError } from '../../contract/errors.ts'
import { changeConfig, type RunConfig } from '../../lib/config-changes.ts'
import { chainIds, digestOf } from '../../lib/digest.ts'
import { writeHealthcheck } from '../../lib/healthcheck.ts'
import { familiarReference, normalizeReference } from '../../lib/reference.ts'
import { parseImageConfig } from '../../runtime/process.ts'
import type { Lease } from '../../store/content.ts'
import type { ContainerRecord, ImageRecord } from '../../store/schema.ts'
import { currentContainer, findContainer } from '../container/find.ts'
import { pauseContainer, unpauseContainer } from '../container/pause.ts'
import { publishContainer } from '../container/update-state.ts'
import type { ServiceContext } from '../context.ts'
import { holdImage } from './find.ts'
import { commitImage } from './import.ts'

export interface CommitRequest {
  readonly container: string
  /** Empty: the image has no name. */
  readonly reference: string
  readonly author: string
  readonly comment: string
  /** Freezes a running container meanwhile, so that its files belong together. */
  readonly pause: boolean
  /** What the image's config is to have in place of the container's. */
  readonly config?: RunConfig
  /** Instructions of a Dockerfile: `CMD …`, `ENV …`. */
  readonly changes: readonly string[]
}

/** Makes an image of a container: its image's layers, and what it has changed as one more. Answers the id. */
export async function commitContainer(
  context: ServiceContext,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<string> {
  const references = request.reference ? [normalizeReference(request.reference)] : []
  const record = findContainer(context.containers, request.container)
  const base = context.images.get(record.imageId)
  if (!base) {
    throw new EngineError('notFound', 'image.not-found', `the image of the container ${record.name} is gone`)
  }
  const lease = context.image.content.open()
  try {
    holdImage(lease, base)
    // Nobody removes or starts it meanwhile.
    const take = () =>
      context.locks.withLock(record.id, () =>
        takeLayer(context, lease, { record: currentContainer(context.containers, record.id), base }, signal),
      )
    const layer = await whilePaused(context, record, request.pause, take)
    const config = await buildConfig(context, { record, base, request, diffId: layer.diffId })
    parseImageConfig(config.toString())
    const id = digestOf(config)
    lease.hold(`blob:${id}`)
    await commitImage(context, { config, configDigest: id, layers: [...base.layers, layer], references }, 'create')
    const imageRef = references.map(familiarReference)[0] ?? ''
    publishContainer(context, record, 'commit', { comment: request.comment, imageID: id, imageRef })
    return id
  } finally {
    await lease.release()
  }
}

async function whilePaused<T>(
  context: ServiceContext,
  { id, state }: ContainerRecord,
  isWanted: boolean,
  work: () => Promise<T>,
): Promise<T> {
  if (!isWanted || state.status !== 'running') return work()
  const isPaused = await pauseContainer(context, id).then(
    () => true,
    (error: unknown) => {
      // Where nothing can be frozen, its files are taken as they are.
      if (EngineError.from(error).reason === 'container.pause-unavailable') return false
      throw error
    },
  )
  try {
    return await work()
  } finally {
    if (isPaused) await unpauseContainer(context, id)
  }
}

/** The container's own layer as a tar in the temporary folder, then unpacked into the store as any other. */
async function takeLayer(
  context: ServiceContext,
  lease: Lease,
  { record, base }: { readonly record: ContainerRecord; readonly base: ImageRecord },
  signal: AbortSignal,
): Promise<ImageRecord['layers'][number]> {
  const file = path.join(context.layout.temporary, `commit-${randomBytes(6).toString('hex')}.tar`)
  try {
    const { stream, ended } = await context.files.layer(record, signal)
    const hash = createHash('sha256')
    stream.on('data', (chunk: Buffer) => hash.update(chunk))
    await Promise.all([pipeline(stream, createWriteStream(file, { mode: 0o600 }), { signal }), ended])
    const diffId = `sha256:${hash.digest('hex')}`
    const chainId = chainIds([...base.layers.map((layer) => layer.diffId), diffId]).at(-1) as string
    const source = { path: file, offset: 0, length: (await stat(file)).size }
    const options = { signal, onProgress: () => undefined }
    const { layer } = await context.image.obtainLayer(lease, { source, digest: diffId, diffId, chainId }, options)
    return layer
  } finally {
    await rm(file, { force: true })
  }
}

interface Built {
  readonly record: ContainerRecord
  readonly base: ImageRecord
  readonly request: CommitRequest
  readonly diffId: string
}

async function buildConfig(context: ServiceContext, { record, base, request, diffId }: Built): Promise<Buffer> {
  const file = JSON.parse(await readFile(context.layout.blob(base.id), 'utf8')) as Record<string, unknown>
  const rootfs = file['rootfs'] as { readonly diff_ids: readonly string[] }
  const own = containerConfig(record, (file['config'] ?? {}) as RunConfig)
  const created = context.now().toISOString()
  const author = request.author ? { author: request.author } : {}
  const comment = request.comment ? { comment: request.comment } : {}
  const entry = { created, created_by: record.process.args.join(' '), ...author, ...comment }
  return Buffer.from(
    JSON.stringify({
      ...file,
      created,
      ...author,
      config: changeConfig({ ...own, ...request.config }, request.changes),
      rootfs: { type: 'layers', diff_ids: [...rootfs.diff_ids, diffId] },
      history: [...((file['history'] as object[] | null) ?? []), entry],
    }),
  )
}

/** The image's config with what the container was made with laid over it. */
function containerConfig({ config, process }: ContainerRecord, image: RunConfig): RunConfig {
  const volumes = config.mounts
    .filter(({ type, source }) => type === 'volume' && source === '')
    .map(({ target }) => target)
  const isOwn = Boolean(config.command?.length) || Boolean(config.entrypoint?.length)
  return {
    ...image,
    Env: process.env,
    WorkingDir: process.workingDir,
    User: process.user,
    ...(isOwn ? { Cmd: config.command ?? null } : {}),
    ...(config.entrypoint?.length ? { Entrypoint: config.entrypoint } : {}),
    Labels: { ...(image['Labels'] as object | null), ...config.labels },
    ...(config.exposedPorts.length ? { ExposedPorts: keysOf(image['ExposedPorts'], config.exposedPorts) } : {}),
    ...(volumes.length ? { Volumes: keysOf(image['Volumes'], volumes) } : {}),
    // One that was taken away stays so.
    ...(config.healthcheck
      ? { Healthcheck: process.healthcheck ? writeHealthcheck(process.healthcheck) : { Test: ['NONE'] } }
      : {}),
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
  }
}

/** An image's set, with more keys in it. */
const keysOf = (image: unknown, own: readonly string[]) => ({
  ...(image as object | null),
  ...Object.fromEntries(own.map((key) => [key, {}])),
})
