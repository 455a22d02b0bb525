import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ImportProgress } from '../../contract/image.ts'
import { streamWork } from '../../lib/async.ts'
import { changeConfig } from '../../lib/config-changes.ts'
import { parsePlatform } from '../../lib/platform.ts'
import { normalizeReference } from '../../lib/reference.ts'
import { parseImageConfig } from '../../runtime/process.ts'
import { writeFileAtomic } from '../../store/atomic-file.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ImportedImage, ServiceContext } from '../context.ts'
import { contentOf } from './find.ts'
import { imageTeller } from './publish.ts'
import { takeFromOthers } from './references.ts'

/** Imports every image of an archive and tells its progress. Leaving the loop cancels and leaves nothing behind. */
export function importArchive(
  context: ServiceContext,
  file: string,
  signal: AbortSignal,
): AsyncIterable<ImportProgress> {
  return streamWork(signal, (stop, onProgress) =>
    context.image.import({
      path: file,
      signal: stop,
      onProgress,
      checkConfig: (config) => void parseImageConfig(config.toString()),
      commit: (imported) => commitImage(context, imported, 'load'),
    }),
  )
}

/** Imports an archive that comes as bytes: it lies in the temporary folder for as long as that takes. */
export async function* loadArchive(
  context: ServiceContext,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<ImportProgress> {
  const file = path.join(context.layout.temporary, `load-${randomBytes(6).toString('hex')}.tar`)
  try {
    await pipeline(archive, createWriteStream(file, { mode: 0o600 }), { signal })
    yield* importArchive(context, file, signal)
  } finally {
    await rm(file, { force: true })
  }
}

export interface TarImport {
  /** Empty: the image has no name. */
  readonly reference: string
  readonly comment: string
  /** `os/architecture/variant`; empty for this machine's. */
  readonly platform: string
  /** Instructions of a Dockerfile: `CMD …`, `ENV …`. */
  readonly changes: readonly string[]
}

/** Makes an image of a tar of a root file system that comes as bytes. Answers its id. */
export async function importTar(
  context: ServiceContext,
  archive: AsyncIterable<Uint8Array>,
  { reference, comment, platform, changes }: TarImport,
  signal: AbortSignal,
): Promise<string> {
  const facts = {
    references: reference ? [normalizeReference(reference)] : [],
    comment,
    config: changeConfig({}, changes),
    platform: parsePlatform(platform, { os: 'linux', architecture: context.image.architecture }),
  }
  const file = path.join(context.layout.temporary, `import-${randomBytes(6).toString('hex')}.tar`)
  let id = ''
  try {
    await pipeline(archive, createWriteStream(file, { mode: 0o600 }), { signal })
    const options = {
      path: file,
      signal,
      onProgress: (progress: ImportProgress) => {
        if (progress.type === 'image') id = progress.id
      },
      checkConfig: (config: Buffer) => void parseImageConfig(config.toString()),
      commit: (imported: ImportedImage) => commitImage(context, imported, 'import'),
    }
    await context.image.importTar(options, facts)
    return id
  } finally {
    await rm(file, { force: true })
  }
}

/** Names a verified image: its config becomes a blob, its record is committed, references move to it. */
export async function commitImage(
  context: ServiceContext,
  imported: ImportedImage,
  action: 'create' | 'import' | 'load' | 'pull',
): Promise<void> {
  await context.locks.withLock('images', async () => {
    const references = imported.references.map(normalizeReference)
    await writeFileAtomic(context.layout.blob(imported.configDigest), imported.config)
    const { origin } = imported
    if (origin) await writeFileAtomic(context.layout.blob(origin.manifest.digest), origin.manifest.bytes)
    const existing = context.images.get(imported.configDigest)
    const manifest = origin ? { digest: origin.manifest.digest, mediaType: origin.manifest.mediaType } : null
    const record: ImageRecord = {
      version: 1,
      id: imported.configDigest,
      importedAt: existing?.importedAt ?? context.now().toISOString(),
      references: [...new Set([...(existing?.references ?? []), ...references])],
      namedAt: context.now().toISOString(),
      repoDigests: [...new Set([...(existing?.repoDigests ?? []), ...(origin ? [origin.repoDigest] : [])])],
      manifest: existing?.manifest ?? manifest,
      layers: imported.layers.map((layer) => ({ ...layer })),
    }
    await context.images.put(record)
    await takeFromOthers(context, references, record.id)
    // The same layer may have come in other bytes than those that the record named until now.
    if (existing) await context.image.content.collect(contentOf(existing))
    const tell = await imageTeller(context, record)
    tell(action, references[0] ?? origin?.repoDigest)
    // An archive and a registry bring their names along; those of the others were asked for.
    if (action === 'import' || action === 'create') for (const reference of references) tell('tag', reference)
  })
}

/** Builds and imports the starter image from this machine's own static busybox. */
export async function createStarter(
  context: ServiceContext,
  signal: AbortSignal,
): Promise<{ id: string; reference: string }> {
  const archive = path.join(context.layout.temporary, `starter-${randomBytes(6).toString('hex')}.tar`)
  try {
    await context.image.writeStarter(archive)
    let answer = { id: '', reference: '' }
    for await (const progress of importArchive(context, archive, signal)) {
      if (progress.type === 'image') answer = { id: progress.id, reference: progress.references[0] ?? '' }
    }
    return answer
  } finally {
    await rm(archive, { force: true })
  }
}
