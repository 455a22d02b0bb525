import { statfs } from 'node:fs/promises'
import { EngineError } from '../../contract/errors.ts'
import { streamWork } from '../../lib/async.ts'
import type { ServiceContext } from '../context.ts'
import { importTar, type TarImport } from './import.ts'

const STEP_BYTES = 1024 * 1024

/** How far an import from a web server is: the first step comes when the server has the file. */
export type UrlImportProgress =
  | { readonly type: 'download'; readonly url: string; readonly currentBytes: number; readonly totalBytes: number }
  | { readonly type: 'done'; readonly id: string }

/** Makes an image of a tar of a root file system that a web server has. Leaving the loop cancels and leaves nothing behind. */
export function importUrl(
  context: ServiceContext,
  { source, ...facts }: TarImport & { readonly source: string },
  signal: AbortSignal,
): AsyncIterable<UrlImportProgress> {
  return streamWork(signal, async (stop, onProgress) => {
    const { url, totalBytes, body } = await context.registry.openUrl(source, stop)
    const tell = (currentBytes: number) => onProgress({ type: 'download', url, currentBytes, totalBytes })
    const limitBytes = await roomFor(context.layout.temporary)
    const archive = limitBody(body, { url, totalBytes, limitBytes, onBytes: everyStep(tell) })
    const id = await importTar(context, archive, facts, stop)
    onProgress({ type: 'done', id })
  })
}

/** Half of what is free: the archive lies there while its files are unpacked beside it. */
async function roomFor(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return Math.floor((bavail * bsize) / 2)
}

function everyStep(tell: (bytes: number) => void): (bytes: number) => void {
  let told = -STEP_BYTES
  return (bytes) => {
    if (bytes - told < STEP_BYTES) return
    told = bytes
    tell(bytes)
  }
}

/** Passes a body on, up to so many bytes: a server that never comes to an end does not fill the disk. */
export async function* limitBody(
  body: AsyncIterable<Uint8Array>,
  options: {
    readonly url: string
    readonly totalBytes: number
    readonly limitBytes: number
    readonly onBytes: (bytes: number) => void
  },
): AsyncIterable<Uint8Array> {
  const { url, totalBytes, limitBytes, onBytes } = options
  const refuse = () =>
    new EngineError(
      'invalidArgument',
      'import.too-large',
      `${url} is larger than ${limitBytes} bytes, which is half of what is free where the engine keeps its data: make room there and try again`,
    )
  if (totalBytes > limitBytes) throw refuse()
  let bytes = 0
  onBytes(bytes)
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > limitBytes) throw refuse()
    onBytes(bytes)
    yield chunk
  }
}
