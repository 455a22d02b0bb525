/*
 * A tar header block, as ustar, GNU and pax write it:
 *
 *   0 name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | linkname 100 | magic 8
 *   265 uname 32 | gname 32 | major 8 | minor 8 | 345 prefix 155
 *
 * Numbers are octal text, or big-endian base 256 where the first byte's top bit is set.
 */
export const TAR_BLOCK = 512
/** Largest extended header (pax, GNU long name) that is read; larger ones are refused. */
export const MAX_EXTENSION_BYTES = 1024 * 1024

export type TarType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'link'
  | 'fifo'
  | 'character'
  | 'block'
  | 'pax'
  | 'pax-global'
  | 'long-name'
  | 'long-link'
  /** A file of GNU tar's `--sparse`, whose content is a map and pieces. */
  | 'sparse'
  | 'other'

/** One entry of a tar; times in seconds. */
export interface TarHeader {
  name: string
  linkName: string
  type: TarType
  size: number
  mode: number
  uid: number
  gid: number
  mtime: number
  major: number
  minor: number
  xattrs: ReadonlyMap<string, Buffer> | null
}

/** What an extended header overrides in the entry that follows it. */
export interface TarOverrides {
  name?: string
  linkName?: string
  size?: number
  uid?: number
  gid?: number
  mtime?: number
  xattrs?: Map<string, Buffer>
  isSparse?: boolean
}

const TYPES: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  x: 'pax',
  g: 'pax-global',
  L: 'long-name',
  K: 'long-link',
  S: 'sparse',
}
/** What has bytes of its own behind its header. */
const CONTENT: ReadonlySet<TarType> = new Set(['file', 'sparse', 'other'])
const XATTR = 'SCHILY.xattr.'
const SPARSE = 'GNU.sparse.'

/** Reads a 512-byte block: a header, `end` for zeros, `bad` when it is no header. */
export function readTarHeader(block: Buffer): TarHeader | 'end' | 'bad' {
  if (block[0] === 0 && isZero(block)) return 'end'
  if (!hasChecksum(block)) return 'bad'
  const size = readNumber(block, 124, 12)
  const type = TYPES[String.fromCharCode(block[156] ?? 0)] ?? 'other'
  if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER)) return 'bad'
  const isUstar =
    block[257] === 0x75 && block[258] === 0x73 && block[259] === 0x74 && block[260] === 0x61 && block[261] === 0x72
  // GNU's magic is `ustar ` and puts other fields where the prefix is.
  const prefix = isUstar && block[262] === 0 && block[345] !== 0 ? readText(block, 345, 155) : ''
  const short = readText(block, 0, 100)
  const hasDevice = type === 'character' || type === 'block'
  const header: TarHeader = {
    name: prefix ? `${prefix}/${short}` : short,
    linkName: block[157] === 0 ? '' : readText(block, 157, 100),
    type,
    size: CONTENT.has(type) || isExtension(type) ? size : 0,
    mode: readNumber(block, 100, 8),
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    mtime: readNumber(block, 136, 12),
    major: hasDevice ? readNumber(block, 329, 8) : 0,
    minor: hasDevice ? readNumber(block, 337, 8) : 0,
    xattrs: null,
  }
  // Before ustar a folder was a file whose name ends in a slash.
  if (type === 'file' && header.name.endsWith('/') && !isUstar) header.type = 'directory'
  return header
}

/** Whether the entry's content describes the next entry. */
export function isExtension(type: TarType): boolean {
  return type === 'pax' || type === 'pax-global' || type === 'long-name' || type === 'long-link'
}

/** Adds what an extended header's content says; `false` when it is malformed. Global pax headers say nothing here. */
export function readExtension(type: TarType, body: Buffer, into: TarOverrides): boolean {
  if (type === 'long-name') into.name = cString(body)
  else if (type === 'long-link') into.linkName = cString(body)
  else if (type === 'pax') return readPax(body, into)
  return true
}

/** Lays overrides over a header, and puts its numbers in order. */
export function applyOverrides(header: TarHeader, next: TarOverrides): TarHeader {
  if (next.name !== undefined) header.name = next.name
  if (next.linkName !== undefined) header.linkName = next.linkName
  if (next.size !== undefined && (header.type === 'file' || header.type === 'other')) header.size = next.size
  if (next.uid !== undefined) header.uid = next.uid
  if (next.gid !== undefined) header.gid = next.gid
  if (next.mtime !== undefined) header.mtime = next.mtime
  if (next.xattrs) header.xattrs = next.xattrs
  if (next.isSparse) header.type = 'sparse'
  return header
}

/** Content and the zeros that fill its last block. */
export function paddedSize(size: number): number {
  return Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
}

/** Records `<length> <key>=<value>\n`; the length counts itself. */
function readPax(body: Buffer, into: TarOverrides): boolean {
  for (let at = 0; at < body.length; ) {
    if (body[at] === 0) return true
    const space = body.indexOf(0x20, at)
    if (space < 0 || space - at > 8) return false
    const text = body.toString('latin1', at, space)
    const end = at + Number(text)
    if (!/^\d+$/.test(text) || end <= space + 1 || end > body.length || body[end - 1] !== 0x0a) return false
    const equals = body.indexOf(0x3d, space)
    if (equals < 0 || equals >= end) return false
    if (!readRecord(body.toString('utf8', space + 1, equals), body.subarray(equals + 1, end - 1), into)) return false
    at = end
  }
  return true
}

function readRecord(key: string, value: Buffer, into: TarOverrides): boolean {
  if (key.startsWith(XATTR)) {
    into.xattrs ??= new Map()
    into.xattrs.set(key.slice(XATTR.length), Buffer.from(value))
    return true
  }
  if (key.startsWith(SPARSE)) {
    into.isSparse = true
    return true
  }
  // A NUL would end the name early for the kernel, but not for the checks.
  if (key === 'path' || key === 'linkpath') {
    if (value.includes(0)) return false
    into[key === 'path' ? 'name' : 'linkName'] = value.toString('utf8')
  } else if (key === 'size' || key === 'uid' || key === 'gid') {
    const number = Number(value.toString('latin1'))
    if (!Number.isSafeInteger(number) || number < 0 || value.length === 0) return false
    into[key] = number
  } else if (key === 'mtime') {
    const number = Number(value.toString('latin1'))
    if (!Number.isFinite(number)) return false
    into.mtime = number
  }
  return true
}

function hasChecksum(block: Buffer): boolean {
  const expected = readNumber(block, 148, 8)
  let sum = 8 * 0x20
  for (let at = 0; at < 148; at += 1) sum += block[at] as number
  for (let at = 156; at < TAR_BLOCK; at += 1) sum += block[at] as number
  return sum === expected
}

function isZero(block: Buffer): boolean {
  for (let at = 0; at < TAR_BLOCK; at += 1) if (block[at] !== 0) return false
  return true
}

/** Octal digits between spaces or NULs, or base 256. NaN when it is neither. */
function readNumber(block: Buffer, start: number, length: number): number {
  const first = block[start] as number
  const end = start + length
  let value = 0
  if (first & 0x80) {
    // 0xff begins a negative number (a time before 1970).
    if (first === 0xff) {
      for (let at = start + 1; at < end; at += 1) value = value * 256 + (255 - (block[at] as number))
      return -value - 1
    }
    value = first & 0x7f
    for (let at = start + 1; at < end; at += 1) value = value * 256 + (block[at] as number)
    return value
  }
  let at = start
  while (at < end && block[at] === 0x20) at += 1
  for (; at < end; at += 1) {
    const byte = block[at] as number
    if (byte === 0 || byte === 0x20) break
    if (byte < 0x30 || byte > 0x37) return Number.NaN
    value = value * 8 + (byte - 0x30)
  }
  return value
}

function readText(block: Buffer, start: number, length: number): string {
  let end = start
  let isAscii = true
  for (; end < start + length && block[end] !== 0; end += 1) if ((block[end] as number) & 0x80) isAscii = false
  return block.toString(isAscii ? 'latin1' : 'utf8', start, end)
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}
