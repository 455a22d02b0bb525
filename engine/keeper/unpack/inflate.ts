import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError } from '../../contract/errors.ts'

const MAX_RATIO = 1000
const RATIO_FREE_BYTES = 256 * 1024 * 1024

/** Inflates a gzip or zstd archive into a file, by the system's own tool, within the limits for bombs. */
export async function inflateFile(
  source: { readonly path: string; readonly tool: 'gzip' | 'zstd' },
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  const { size } = await stat(source.path)
  const child = spawn(source.tool, ['-dcq', '--', source.path], { stdio: ['ignore', 'pipe', 'pipe'] })
  signal?.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  let written = 0
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-500)
  })
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length
      if (written > RATIO_FREE_BYTES && written / size > MAX_RATIO) {
        child.kill('SIGKILL')
        done(
          new EngineError(
            'invalidArgument',
            'archive.bomb',
            `an archive of ${size} bytes inflates to more than ${written} bytes and was refused`,
          ),
        )
      } else done(null, chunk)
    },
  })
  const exit = new Promise<number>((resolve, reject) => {
    child.on('error', (cause) =>
      reject(
        new EngineError('unavailable', 'archive.no-inflater', `the archive needs ${source.tool}: ${cause.message}`),
      ),
    )
    child.on('close', (code) => resolve(code ?? -1))
  })
  await pipeline(child.stdout, guard, createWriteStream(destination, { mode: 0o600 })).catch(
    (error: NodeJS.ErrnoException) => {
      child.kill('SIGKILL')
      if (error.code === 'ENOSPC')
        throw new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and import again')
      throw error
    },
  )
  if ((await exit) !== 0) {
    if (signal?.aborted) throw new EngineError('canceled', 'canceled', 'the import was cancelled')
    throw new EngineError(
      'invalidArgument',
      'archive.truncated',
      `the archive cannot be inflated: ${stderr.trim() || 'it is cut short'}`,
    )
  }
}
