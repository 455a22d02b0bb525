import { createHash } from 'node:crypto'
import { constants, createReadStream, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { EngineError } from '../contract/errors.ts'
import { findProcesses } from './find-processes.ts'

/*
 * An AppImage is a file system that is mounted while the app runs. A keeper that ran from it would keep it mounted, and
 * could start no worker once it is gone. So it runs from a copy of the program below the data root:
 *
 *   <root>/keeper/program-<first 12 digits of a hash of what the files are>/
 *     slipway libffmpeg.so icudtl.dat snapshot_blob.bin v8_context_snapshot.bin
 *     files.json      {name: [size, SHA-256]} of each, written once all of them were read back
 */
const NEEDED = ['libffmpeg.so', 'icudtl.dat', 'snapshot_blob.bin', 'v8_context_snapshot.bin']
const CHUNK_BYTES = 1024 * 1024

type FileList = Readonly<Record<string, readonly [size: number, sha256: string]>>

/**
 * Copies the program at `execPath` with what it needs to run as Node, once a version, and answers with the copy. That is some 170 MB: others are
 * served meanwhile.
 */
export async function installProgram(execPath: string, root: string): Promise<string> {
  const from = path.dirname(execPath)
  const names = [path.basename(execPath), ...NEEDED.filter((name) => existsSync(path.join(from, name)))]
  const facts = names.map((name) => {
    const { size, mtimeMs } = statSync(path.join(from, name))
    return [name, size, mtimeMs]
  })
  const version = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 12)
  const parent = path.join(root, 'keeper')
  const folder = path.join(parent, `program-${version}`)
  const program = path.join(folder, path.basename(execPath))
  if (isWhole(folder)) return program
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const temporary = await mkdtemp(path.join(parent, '.new-'))
  try {
    const list: Record<string, FileList[string]> = {}
    for (const name of names) list[name] = await copyVerified(path.join(from, name), path.join(temporary, name))
    await writeFile(path.join(temporary, 'files.json'), JSON.stringify(list))
    // One that is not whole: a disk was full, or somebody cleaned up.
    await rm(folder, { recursive: true, force: true })
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another engine of the same root was quicker: its copy is the same.
    if (!isWhole(folder)) throw error
  }
  return program
}

/** Copies a file and reads both back. */
async function copyVerified(from: string, to: string): Promise<FileList[string]> {
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  const sha256 = await hashOf(from)
  if ((await hashOf(to)) !== sha256)
    throw new EngineError('internal', 'keeper.bad-copy', `${to} is not what was copied; check the disk`)
  return [(await stat(to)).size, sha256]
}

/** Removes copies of keepers and programs that are not these and that no process runs from. */
export function removeOldCopies(root: string, current: readonly string[]): void {
  const parent = path.join(root, 'keeper')
  const kept = new Set(current.map((file) => path.relative(parent, file).split(path.sep)[0]))
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const folder = path.join(parent, name)
    if (kept.has(name) || name.startsWith('.new-') || findProcesses(folder).length > 0) continue
    rmSync(folder, { recursive: true, force: true })
  }
}

function isWhole(folder: string): boolean {
  try {
    const list = JSON.parse(readFileSync(path.join(folder, 'files.json'), 'utf8')) as FileList
    return Object.entries(list).every(([name, [size]]) => statSync(path.join(folder, name)).size === size)
  } catch {
    return false
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: CHUNK_BYTES }), hash)
  return hash.digest('hex')
}
