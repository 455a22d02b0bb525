import { randomInt } from 'node:crypto'
import dgram from 'node:dgram'
import { readFileSync, statSync } from 'node:fs'
import net from 'node:net'

const TIMEOUT_MS = 4000
const MAX_SERVERS = 3
/** Questions on their way at one time, for all containers; more are refused. */
const MAX_PENDING = 1024
const RESOLV_CONF = '/etc/resolv.conf'
const RCODE_MASK = 0x0f
const SERVFAIL = 2
const REFUSED = 5

/** Asks resolvers outside, from the host's namespace, one after the other until one answers. */
export interface Forwarder {
  /** The answer as it came, or `null`; `busy` when too many questions are on their way. */
  ask(
    query: Buffer,
    how: { readonly upstreams: readonly string[]; readonly isStream: boolean },
  ): Promise<Buffer | null | 'busy'>
}

/** Reads `ADDRESS` or `ADDRESS#PORT`. */
export function parseUpstream(text: string): { readonly host: string; readonly port: number } {
  const [host = '', port = '53'] = text.split('#')
  return { host, port: Number(port) }
}

/** Questions go out with an id and a port of chance, so that nobody guesses an answer. */
export function createForwarder({ timeoutMs = TIMEOUT_MS, resolvConf = RESOLV_CONF } = {}): Forwarder {
  let pending = 0
  const hostResolvers = createHostResolvers(resolvConf)
  return {
    async ask(query, { upstreams, isStream }) {
      if (pending >= MAX_PENDING) return 'busy'
      pending += 1
      try {
        const servers = (upstreams.length ? upstreams : hostResolvers()).slice(0, MAX_SERVERS).map(parseUpstream)
        let last: Buffer | null = null
        for (const server of servers) {
          const answer = await (isStream ? askStream : askDatagram)(query, { ...server, timeoutMs }).catch(() => null)
          if (!answer || answer.length < 12) continue
          query.copy(answer, 0, 0, 2)
          last = answer
          const rcode = answer.readUInt16BE(2) & RCODE_MASK
          if (rcode !== SERVFAIL && rcode !== REFUSED) return answer
        }
        return last
      } finally {
        pending -= 1
      }
    },
  }
}

/** The machine's resolvers of the moment: a laptop changes them as it changes networks. */
function createHostResolvers(resolvConf: string): () => readonly string[] {
  let stamp = 0
  let found: readonly string[] = []
  return () => {
    try {
      const { mtimeMs, ino } = statSync(resolvConf)
      if (stamp === mtimeMs + ino) return found
      found = [...readFileSync(resolvConf, 'utf8').matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
      stamp = mtimeMs + ino
      return found
    } catch {
      return found
    }
  }
}

function withFreshId(query: Buffer): { readonly bytes: Buffer; readonly id: number } {
  const id = randomInt(0x10000)
  const bytes = Buffer.from(query)
  bytes.writeUInt16BE(id, 0)
  return { bytes, id }
}

interface Server {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}

function askDatagram(query: Buffer, { host, port, timeoutMs }: Server): Promise<Buffer> {
  const { bytes, id } = withFreshId(query)
  const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise<Buffer>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), timeoutMs)
    socket.on('error', (error) => (clearTimeout(timer), reject(error)))
    socket.on('message', (answer) => {
      if (answer.length < 12 || answer.readUInt16BE(0) !== id) return
      clearTimeout(timer)
      resolve(answer)
    })
    // Not as a callback of connect: that is called with an error too, and then there is nothing to send to.
    socket.on('connect', () => socket.send(bytes))
    socket.connect(port, host)
  }).finally(() => socket.close())
}

function askStream(query: Buffer, { host, port, timeoutMs }: Server): Promise<Buffer> {
  const { bytes, id } = withFreshId(query)
  const socket = net.connect({ host, port })
  return new Promise<Buffer>((resolve, reject) => {
    let gathered = Buffer.alloc(0)
    socket.setTimeout(timeoutMs, () => reject(new Error('no answer')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
    socket.on('connect', () => socket.write(frame(bytes)))
    socket.on('data', (chunk) => {
      gathered = Buffer.concat([gathered, chunk])
      const [answer] = takeFrames(gathered).frames
      if (answer && answer.length >= 12 && answer.readUInt16BE(0) === id) resolve(Buffer.from(answer))
    })
  }).finally(() => socket.destroy())
}

/** A message as it goes over TCP: its length in two bytes, then itself. */
export function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Whole messages at the start of what came over TCP, and the rest. */
export function takeFrames(bytes: Buffer): { readonly frames: readonly Buffer[]; readonly rest: Buffer } {
  const frames: Buffer[] = []
  let at = 0
  while (at + 2 <= bytes.length && at + 2 + bytes.readUInt16BE(at) <= bytes.length) {
    const length = bytes.readUInt16BE(at)
    frames.push(bytes.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return { frames, rest: bytes.subarray(at) }
}
