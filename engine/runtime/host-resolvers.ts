import { readFile } from 'node:fs/promises'
import { isStubResolver } from './files.ts'

/** A file of the host's; empty where it is missing. */
export const readHostFile = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')

/** The resolv.conf that names the host's real resolvers: behind systemd-resolved another than the one in `/etc`. */
export async function readHostResolvers(read: (file: string) => Promise<string> = readHostFile): Promise<string> {
  const text = await read('/etc/resolv.conf')
  return (isStubResolver(text) && (await read('/run/systemd/resolve/resolv.conf'))) || text
}
