import { paddedSize, TAR_BLOCK, type TarType } from './tar-headers.ts'

/** An entry to write. Names are byte strings (latin1): a file system has no encoding. Times in seconds. */
export interface TarEntry {
  readonly name: string
  readonly linkName?: string
  readonly type: Exclude<TarType, 'pax' | 'pax-global' | 'long-name' | 'long-link' | 'sparse' | 'other'>
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly major?: number
  readonly minor?: number
  readonly xattrs?: ReadonlyMap<string, Buffer>
}

const FLAGS: Readonly<Record<TarEntry['type'], string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}
const MAX_SIZE = 0o77777777777
const MAX_ID = 0o7777777

/** The two blocks of zeros that end a tar. */
export const TAR_END: Buffer = Buffer.alloc(2 * TAR_BLOCK)

/** The header blocks of an entry (ustar; what does not fit goes into a pax header before it), without its content. */
export function encodeTarHeader(entry: TarEntry): Buffer {
  const records = paxRecords(entry)
  const header = encodeBlock(entry, FLAGS[entry.type], entry.name)
  if (records.length === 0) return header
  const body = Buffer.concat(records)
  const pax = encodeBlock({ ...entry, type: 'file', mode: 0o644, size: body.length, linkName: '' }, 'x', 'pax')
  return Buffer.concat([pax, body, Buffer.alloc(paddedSize(body.length) - body.length), header])
}

function paxRecords({ name, linkName = '', size, uid, gid, xattrs }: TarEntry): Buffer[] {
  const bytes = (text: string) => Buffer.from(text, 'latin1')
  const isPlain = (text: string) => text.length <= 100 && !/[\x80-\xff]/.test(text)
  return [
    ...(isPlain(name) ? [] : [paxRecord('path', bytes(name))]),
    ...(isPlain(linkName) ? [] : [paxRecord('linkpath', bytes(linkName))]),
    ...(size > MAX_SIZE ? [paxRecord('size', bytes(String(size)))] : []),
    ...(uid > MAX_ID ? [paxRecord('uid', bytes(String(uid)))] : []),
    ...(gid > MAX_ID ? [paxRecord('gid', bytes(String(gid)))] : []),
    ...[...(xattrs ?? [])].map(([key, value]) => paxRecord(`SCHILY.xattr.${key}`, value)),
  ]
}

/** `<length> <key>=<value>\n`; the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3
  let length = rest + String(rest).length
  if (rest + String(length).length > length) length = rest + String(length).length
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')])
}

function encodeBlock(entry: TarEntry, flag: string, name: string): Buffer {
  const block = Buffer.alloc(TAR_BLOCK)
  const octal = (value: number, at: number, width: number, max: number) =>
    block.write(
      `${(value > max || value < 0 ? 0 : Math.floor(value)).toString(8).padStart(width - 1, '0')}\0`,
      at,
      'latin1',
    )
  block.write(name.slice(0, 100), 0, 'latin1')
  octal(entry.mode & 0o7777, 100, 8, MAX_ID)
  octal(entry.uid, 108, 8, MAX_ID)
  octal(entry.gid, 116, 8, MAX_ID)
  octal(entry.size, 124, 12, MAX_SIZE)
  octal(entry.mtime, 136, 12, MAX_SIZE)
  block.write('        ', 148, 'latin1')
  block.write(flag, 156, 'latin1')
  block.write((entry.linkName ?? '').slice(0, 100), 157, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  if (entry.type === 'character' || entry.type === 'block') {
    octal(entry.major ?? 0, 329, 8, MAX_ID)
    octal(entry.minor ?? 0, 337, 8, MAX_ID)
  }
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}
