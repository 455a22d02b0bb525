import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, readlink, realpath, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError, type WireError } from '../../contract/errors.ts'
import type { Host, HostCallContext, UnpackLayerParams, UnpackLayerResult } from '../../host/host.ts'
import { run } from '../exec.ts'
import { inflateFile } from './inflate.ts'
import { scanTar } from './scan.ts'
import type { UnpackJob } from './worker.ts'

type ImageCalls = Pick<
  Host,
  'scanArchive' | 'unpackLayer' | 'removeTree' | 'makeFolder' | 'copyFromRoot' | 'readInRoot'
>

/** Layers and trees. */
export function createImageHost(options: { readonly keeperFile: string; readonly rootless: boolean }): ImageCalls {
  return {
    scanArchive: ({ path: file, temporaryFolder }, context) => scanArchive(file, temporaryFolder, context?.signal),
    unpackLayer: (params, context = {}) => unpackLayer(options, params, context),
    async removeTree({ path: target }) {
      await rm(target, { recursive: true, force: true })
    },
    async makeFolder({ path: target, mode }) {
      await mkdir(target, { recursive: true })
      await chmod(target, mode)
    },
    async copyFromRoot({ root, path: inner, destination }) {
      if ((await readdir(destination)).length > 0) return
      const source = await resolveInRoot(root, inner)
      if (!source || !(await lstat(source)).isDirectory()) return
      if ((await readdir(source)).length === 0) return
      await run(['cp', '-a', '--', `${source}/.`, destination], { timeoutSeconds: 3600 })
    },
    async readInRoot({ root, path: inner, limit }) {
      const file = await resolveInRoot(root, inner)
      if (!file) return null
      const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
      try {
        if (!(await handle.stat()).isFile()) return null
        const buffer = Buffer.alloc(limit)
        const { bytesRead } = await handle.read(buffer, 0, limit, 0)
        return buffer.toString('utf8', 0, bytesRead)
      } finally {
        await handle.close()
      }
    },
  }
}

/** The place of a path inside a root whose processes do not run yet; `null` when it is missing or leads outside. */
async function resolveInRoot(root: string, inner: string): Promise<string | null> {
  const base = await realpath(root)
  let current = base
  const parts = inner.split('/').filter((part) => part !== '' && part !== '.')
  for (let steps = 0; parts.length > 0; steps += 1) {
    if (steps > 255) return null
    const part = parts.shift() as string
    if (part === '..') {
      if (current !== base) current = path.dirname(current)
      continue
    }
    const next = path.join(current, part)
    const stats = await lstat(next).catch(() => null)
    if (!stats) return null
    if (stats.isSymbolicLink()) {
      const target = await readlink(next)
      parts.unshift(...target.split('/').filter((piece) => piece !== '' && piece !== '.'))
      if (target.startsWith('/')) current = base
    } else current = next
  }
  return current
}

async function scanArchive(file: string, temporaryFolder: string, signal?: AbortSignal) {
  let tool: 'gzip' | 'zstd' | null = null
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError('notFound', 'archive.unreadable', `${file} cannot be read: ${cause.code}`, { cause })
  })
  try {
    const magic = Buffer.alloc(4)
    await handle.read(magic, 0, 4, 0)
    tool = magic[0] === 0x1f && magic[1] === 0x8b ? 'gzip' : magic.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : null
    if (!tool) return { path: file, isTemporary: false, entries: await scanTar(handle) }
  } finally {
    await handle.close()
  }
  const inflated = path.join(temporaryFolder, `inflated-${randomBytes(6).toString('hex')}.tar`)
  try {
    await inflateFile({ path: file, tool }, inflated, signal)
    const copy = await open(inflated, 'r')
    try {
      return { path: inflated, isTemporary: true, entries: await scanTar(copy) }
    } finally {
      await copy.close()
    }
  } catch (error) {
    await rm(inflated, { force: true })
    throw error
  }
}

async function unpackLayer(
  options: { readonly keeperFile: string; readonly rootless: boolean },
  params: UnpackLayerParams,
  context: HostCallContext,
): Promise<UnpackLayerResult> {
  const mark = randomBytes(6).toString('hex')
  const root = `${params.destination}.${mark}.tmp`
  const blobFile = params.blobFolder ? path.join(params.blobFolder, `.${mark}.tmp`) : ''
  await mkdir(root, { recursive: true, mode: 0o755 })
  try {
    const result = await runWorker(
      options.keeperFile,
      { source: params.source, root, blobFile, rootless: options.rootless },
      context,
    )
    assertSame('layer.digest-mismatch', 'digest', params.digest, result.digest)
    assertSame('layer.diff-id-mismatch', 'diff_id', params.diffId, result.diffId)
    if (blobFile) await rename(blobFile, path.join(params.blobFolder, result.digest.slice('sha256:'.length)))
    await rename(root, params.destination).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error
      await rm(root, { recursive: true, force: true })
    })
    return result
  } catch (error) {
    await rm(root, { recursive: true, force: true })
    if (blobFile) await rm(blobFile, { force: true })
    throw error
  }
}

function assertSame(reason: string, what: string, expected: string, actual: string): void {
  if (expected === '' || expected === actual) return
  throw new EngineError('invalidArgument', reason, `the layer's ${what} is ${actual}, but the image says ${expected}`, {
    details: { expected, actual },
  })
}

function runWorker(
  keeperFile: string,
  job: UnpackJob,
  { signal, onProgress }: HostCallContext,
): Promise<UnpackLayerResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [keeperFile, 'unpack-worker'], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const stop = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    let stderr = ''
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + String(chunk)).slice(-2000)
    })
    child.on(
      'message',
      (message: { type: string; result: UnpackLayerResult; error: WireError; currentBytes: number }) => {
        if (message.type === 'progress') onProgress?.({ currentBytes: message.currentBytes })
        else if (message.type === 'done') resolve(message.result)
        else reject(EngineError.fromWire(message.error))
      },
    )
    child.on('close', () => {
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(new EngineError('canceled', 'canceled', 'the import was cancelled'))
      else reject(new EngineError('internal', 'layer.worker-died', `the unpack worker ended early: ${stderr}`))
    })
    child.send(job)
  })
}
