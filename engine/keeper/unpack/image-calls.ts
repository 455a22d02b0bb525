import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { Host, HostCallContext, UnpackLayerParams, UnpackLayerResult } from '../../host/host.ts'
import { run } from '../exec.ts'
import { listMounts } from '../mounts.ts'
import { scanArchive } from './archive-scan.ts'
import { isInRoot, openInRoot } from './root-paths.ts'
import { createWorkerPool, type WorkerEntry, type WorkerPool } from './worker-pool.ts'

const REMOVE_SECONDS = 3600

export interface ImageHostOptions {
  /** How to re-run the keeper's file: `spawn(command, [...args, 'unpack-worker'])`. */
  readonly entry: WorkerEntry
  readonly mode: 'rootful' | 'rootless'
}
type ImageCalls = Pick<
  Host,
  'scanArchive' | 'unpackLayer' | 'removeTree' | 'treeSize' | 'makeFolder' | 'copyFromRoot' | 'readInRoot'
>

/** The Host's calls for layers and trees. What reads a layer's bytes runs in worker processes. */
export function createImageHost({ entry, mode }: ImageHostOptions): ImageCalls {
  const pool = createWorkerPool(entry)
  const rootless = mode === 'rootless'
  return {
    scanArchive: (params, context) => scanArchive(params.path, params.temporaryFolder, context?.signal),
    unpackLayer: (params, context) => unpackLayer({ pool, rootless }, params, context ?? {}),
    removeTree: (params) => removeTree(params.path),
    treeSize: (params) => treeSize(params.path),
    async makeFolder(params) {
      await mkdir(params.path, { recursive: true, mode: 0o755 })
      await chmod(params.path, params.mode)
    },
    async copyFromRoot({ root, path: inner, destination }, context) {
      if ((await readdir(destination)).length > 0) return
      if (!isFolderInRoot(root, inner)) return
      await pool.run(
        { kind: 'copy', from: root, path: inner, root: destination, rootless },
        { signal: context?.signal },
      )
    },
    readInRoot: async (params) => readInRoot(params.root, params.path, params.limit),
  }
}

async function unpackLayer(
  tools: { readonly pool: WorkerPool; readonly rootless: boolean },
  params: UnpackLayerParams,
  context: HostCallContext,
): Promise<UnpackLayerResult> {
  const { source, destination, blobFolder } = params
  const mark = randomBytes(6).toString('hex')
  const root = `${destination}.${mark}.tmp`
  const blobFile = blobFolder ? path.join(blobFolder, `.${mark}.tmp`) : ''
  await mkdir(root, { recursive: true })
  await chmod(root, 0o755)
  try {
    const onProgress = (currentBytes: number) => context.onProgress?.({ currentBytes })
    const job = { kind: 'layer', source, root, blobFile, rootless: tools.rootless } as const
    const { digest, diffId, sizeBytes } = await tools.pool.run(job, { signal: context.signal, onProgress })
    assertSame('layer.digest-mismatch', 'digest', params.digest, digest)
    assertSame('layer.diff-id-mismatch', 'diff id', params.diffId, diffId)
    if (context.signal?.aborted) throw new EngineError('canceled', 'canceled', 'the import was canceled')
    if (blobFile) {
      await rename(blobFile, path.join(blobFolder, digest.slice('sha256:'.length)))
      await syncFolder(blobFolder)
    }
    await rename(root, destination).catch(async (error: NodeJS.ErrnoException) => {
      // Another import made the same layer meanwhile: what is there has the same content.
      if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error
      await removeTree(root)
    })
    await syncFolder(path.dirname(destination))
    return { digest, diffId, sizeBytes }
  } catch (error) {
    await removeTree(root)
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

/** By the system's own `rm`: quick, off this thread, through no link and into no mount. */
async function removeTree(target: string): Promise<void> {
  if (!(await lstat(target).catch(() => null))) return
  // A folder of the same file system that is bound there looks to rm as if it were a part of it.
  const [point] = listMounts(
    await readFile('/proc/self/mountinfo', 'utf8'),
    path.join(await realpath(path.dirname(target)), path.basename(target)),
  )
  if (point !== undefined)
    throw new EngineError('conflict', 'tree.mounted', `${target} is not removed: ${point} is mounted; unmount it`)
  await run(['rm', '-rf', '--one-file-system', '--', target], { timeoutSeconds: REMOVE_SECONDS })
}

/** Adds up what find(1) lists, a file of several names once; folders themselves count nothing. */
const SUM_FILES = `find "$1" -xdev ! -type d -printf '%D:%i %s\\n' | awk '!seen[$1]++ { sum += $2 } END { printf "%.0f", sum }'`

/** By the system's own tools, which read a million names without this thread. What goes meanwhile is left out. */
async function treeSize(target: string): Promise<number> {
  if (!(await lstat(target).catch(() => null))) return 0
  const { stdout } = await run(['sh', '-c', SUM_FILES, 'sh', target], { timeoutSeconds: REMOVE_SECONDS })
  return Number(stdout) || 0
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function isFolderInRoot(root: string, inner: string): boolean {
  const fd = openInRoot(root, inner, 'folder')
  if (fd < 0) return false
  fs.closeSync(fd)
  return true
}

function readInRoot(root: string, inner: string, limit: number): string | null {
  const fd = openInRoot(root, inner, 'file')
  if (fd < 0 && isInRoot(root, inner)) {
    throw new EngineError(
      'invalidArgument',
      'root.not-a-file',
      `${inner} of the image is no regular file; the runtime would read it without end. Take another image`,
    )
  }
  if (fd < 0) return null
  try {
    const buffer = Buffer.alloc(Math.min(limit, fs.fstatSync(fd).size || limit))
    let filled = 0
    for (;;) {
      const part = fs.readSync(fd, buffer, filled, buffer.length - filled, filled)
      filled += part
      if (part === 0 || filled === buffer.length) return buffer.toString('utf8', 0, filled)
    }
  } finally {
    fs.closeSync(fd)
  }
}
