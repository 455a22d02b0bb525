import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../store/atomic-file.ts'

/** What this engine is called by in a cluster, made with the first call: sixteen hexadecimal digits. */
export async function readHostId(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // An id that cannot be read must not become another: the cluster would have this host twice.
    if (error.code === 'ENOENT') return ''
    throw error
  })
  if (/^[0-9a-f]{16}$/.test(kept.trim())) return kept.trim()
  const id = randomBytes(8).toString('hex')
  await writeFileAtomic(file, `${id}\n`)
  return id
}

/** The kernel's name of this start of the machine. */
export const readBoot = async (): Promise<string> => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
