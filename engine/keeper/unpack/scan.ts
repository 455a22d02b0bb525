import type { FileHandle } from 'node:fs/promises'
import { EngineError } from '../../contract/errors.ts'
import type { ArchiveEntry } from '../../host/host.ts'

const BLOCK = 512
const MAX_ENTRIES = 1_000_000
const MAX_EXTENSION_BYTES = 1024 * 1024
const TYPES: Readonly<Record<string, ArchiveEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '5': 'directory',
  '2': 'symlink',
  '1': 'link',
}

/** Lists a seekable tar by its headers; contents are passed over, not read. */
export async function scanTar(handle: FileHandle): Promise<ArchiveEntry[]> {
  const { size: total } = await handle.stat()
  const entries: ArchiveEntry[] = []
  const header = Buffer.alloc(BLOCK)
  let next: { name?: string; linkName?: string; size?: number } = {}
  for (let at = 0; at + BLOCK <= total; ) {
    await handle.read(header, 0, BLOCK, at)
    if (header.every((byte) => byte === 0)) return entries
    if (!hasChecksum(header)) throw at === 0 ? notAnArchive() : truncated(at)
    const size = next.size ?? readNumber(header.subarray(124, 136))
    const type = String.fromCharCode(header[156] ?? 0)
    const offset = at + BLOCK
    if (offset + size > total) throw truncated(at)
    at = offset + Math.ceil(size / BLOCK) * BLOCK
    if ('xgLK'.includes(type)) {
      if (size > MAX_EXTENSION_BYTES)
        throw new EngineError(
          'invalidArgument',
          'archive.header-too-large',
          `the archive has an extended header of ${size} bytes`,
        )
      const body = Buffer.alloc(size)
      await handle.read(body, 0, size, offset)
      if (type === 'x') next = { ...next, ...readPax(body) }
      else if (type === 'L') next = { ...next, name: cString(body) }
      else if (type === 'K') next = { ...next, linkName: cString(body) }
      continue
    }
    const prefix = header.toString('latin1', 257, 262) === 'ustar' ? cString(header.subarray(345, 500)) : ''
    const short = cString(header.subarray(0, 100))
    entries.push({
      name: next.name ?? (prefix ? `${prefix}/${short}` : short),
      linkName: next.linkName ?? cString(header.subarray(157, 257)),
      type: TYPES[type] ?? 'other',
      offset,
      size,
    })
    next = {}
    if (entries.length > MAX_ENTRIES)
      throw new EngineError(
        'invalidArgument',
        'archive.too-many-entries',
        'the archive has more than a million entries',
      )
  }
  if (entries.length === 0) throw notAnArchive()
  return entries
}

function readPax(body: Buffer): { name?: string; linkName?: string; size?: number } {
  const found: { name?: string; linkName?: string; size?: number } = {}
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const length = Number(body.toString('latin1', at, space))
    if (space < 0 || !(length > 0)) break
    const [key = '', ...value] = body.toString('utf8', space + 1, at + length - 1).split('=')
    if (key === 'path') found.name = value.join('=')
    else if (key === 'linkpath') found.linkName = value.join('=')
    else if (key === 'size') found.size = Number(value[0])
    at += length
  }
  return found
}

function hasChecksum(header: Buffer): boolean {
  const expected = readNumber(header.subarray(148, 156))
  let sum = 8 * 0x20
  for (let index = 0; index < BLOCK; index += 1) if (index < 148 || index >= 156) sum += header[index] ?? 0
  return sum === expected
}

/** Octal text, or base-256 where the top bit is set. */
function readNumber(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0)
    return Number.parseInt(field.toString('latin1').replace(/\0.*$/s, '').trim() || '0', 8)
  return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

function notAnArchive(): EngineError {
  return new EngineError(
    'invalidArgument',
    'archive.not-an-archive',
    'the file is no image archive: it does not begin as a tar, gzip or zstd file does',
  )
}

function truncated(at: number): EngineError {
  return new EngineError('invalidArgument', 'archive.truncated', `the archive is cut short or damaged at byte ${at}`)
}
