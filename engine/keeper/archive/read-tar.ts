import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import { createTarReader, type TarSink } from '../../lib/tar-reader.ts'
import { findTool } from '../find-tool.ts'
import { createInflater, createToolInflater, detectCompression, type Inflater } from '../unpack/layer-stream.ts'

const READ_BYTES = 1024 * 1024
/** How many bytes tell a compression. */
const MAGIC_BYTES = 6

/** Feeds a tar that comes through a descriptor, compressed or not, to a sink. It waits for bytes, this thread with it. */
export async function readTarFrom(fd: number, sink: TarSink): Promise<void> {
  const tar = createTarReader(sink)
  const buffer = Buffer.allocUnsafe(READ_BYTES)
  const fill = (at: number) => fs.readSync(fd, buffer, at, buffer.length - at, null)
  let filled = 0
  for (let part = 1; part > 0 && filled < MAGIC_BYTES; filled += part) part = fill(filled)
  // A tar may be empty.
  if (filled === 0) return
  const inflater = inflaterOf(buffer.subarray(0, filled), (chunk) => tar.push(chunk))
  for (; filled > 0; filled = fill(0)) {
    const chunk = buffer.subarray(0, filled)
    // A tool's pipe holds on to what it is given.
    if (inflater) await inflater.write(Buffer.from(chunk))
    else tar.push(chunk)
  }
  await inflater?.finish()
  tar.finish()
}

function inflaterOf(start: Buffer, onData: (chunk: Buffer) => void): Inflater | null {
  if (start.subarray(0, 3).toString('latin1') === 'BZh') return inflateBy('bzip2', onData)
  if (start.subarray(0, 6).equals(Buffer.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00))) return inflateBy('xz', onData)
  return createInflater(detectCompression(start.subarray(0, 4)), onData)
}

function inflateBy(kind: 'bzip2' | 'xz', onData: (chunk: Buffer) => void): Inflater {
  const tool = findTool(kind)
  if (tool) return createToolInflater(tool, { args: ['-dc'], kind }, onData)
  throw new EngineError(
    'unavailable',
    'archive.no-tool',
    `the archive is compressed by ${kind}, which is not installed; install it or send a plain tar`,
  )
}
