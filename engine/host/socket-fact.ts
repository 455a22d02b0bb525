import { accessSync, constants, existsSync, type Stats, statSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import type { SocketFact } from '../lib/machine-facts.ts'

/** `sun_path` of unix(7), less the zero at its end. */
const MAX_PATH_BYTES = 107
const ANSWER_MS = 2000

/** Who has a path that a socket is to have. It is asked what a docker client asks first, and nothing is changed. */
export async function readSocket(file: string): Promise<SocketFact> {
  const bytes = Buffer.byteLength(file)
  if (bytes > MAX_PATH_BYTES) return { path: file, state: 'too-long', by: `${bytes} > ${MAX_PATH_BYTES} bytes` }
  const stats = statSync(file, { throwIfNoEntry: false })
  if (!stats) return { path: file, state: mayWrite(nearest(path.dirname(file))) ? 'free' : 'denied', by: '' }
  if (!stats.isSocket()) return { path: file, state: 'no-socket', by: ownerOf(stats) }
  const answer = await ask(file)
  if ('server' in answer) {
    const isOwn = answer.server.startsWith('Slipway')
    return { path: file, state: isOwn ? 'own' : 'taken', by: isOwn ? '' : answer.server || ownerOf(stats) }
  }
  // One that nobody listens on any more is replaced.
  if (answer.code === 'ECONNREFUSED' && mayWrite(path.dirname(file))) return { path: file, state: 'free', by: '' }
  const isDenied = answer.code === 'EACCES' || answer.code === 'ECONNREFUSED'
  return { path: file, state: isDenied ? 'denied' : 'taken', by: ownerOf(stats) }
}

const ownerOf = ({ uid }: Stats): string => `uid ${uid}`

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The folder itself, or the first above it that is there. */
function nearest(folder: string): string {
  return existsSync(folder) || path.dirname(folder) === folder ? folder : nearest(path.dirname(folder))
}

/** How the one who listens calls itself, or what a connection fails with. */
function ask(socketPath: string): Promise<{ readonly server: string } | { readonly code: string }> {
  return new Promise((resolve) => {
    const request = http.get({ socketPath, path: '/_ping', agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume()
      resolve({ server: String(response.headers.server ?? '') })
    })
    request.on('timeout', () => request.destroy(Object.assign(new Error('silent'), { code: 'ETIMEDOUT' })))
    request.on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve({ code }))
  })
}
