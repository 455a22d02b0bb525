import type { PathStat } from '../../../service/container/files.ts'

/** Kinds and bits of lstat(2) and what Go's `os.FileMode` has for them. */
const KINDS: readonly (readonly [kind: number, go: number])[] = [
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
  [0o020000, 2 ** 26 + 2 ** 21],
]
const BITS: readonly (readonly [bit: number, go: number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
]

/** A mode as Go's `os.FileMode` has it. */
export function toGoMode(mode: number): number {
  const kind = KINDS.find(([wanted]) => (mode & 0o170000) === wanted)?.[1] ?? 0
  return BITS.reduce((sum, [bit, go]) => sum + (mode & bit ? go : 0), kind + (mode & 0o777))
}

/** `X-Docker-Container-Path-Stat`: JSON in standard base64. */
export function toPathStat({ name, size, mode, mtimeMs, linkTarget }: PathStat): string {
  const mtime = new Date(mtimeMs).toISOString()
  return Buffer.from(JSON.stringify({ name, size, mode: toGoMode(mode), mtime, linkTarget })).toString('base64')
}
