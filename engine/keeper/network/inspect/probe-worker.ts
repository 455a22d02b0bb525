import dgram from 'node:dgram'
import { promises as dns } from 'node:dns'
import { openSync } from 'node:fs'
import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { ProbeOutcome, ProbeParams, ProbeResult } from '../../../host/inspection.ts'
import { enterNetworkNamespace } from '../../libc/listen.ts'

/** `netnsPath` is `''` for the namespace that the keeper is in already. */
export interface ProbeWorkerData extends Omit<ProbeParams, 'process'> {
  readonly role: 'probe'
  readonly netnsPath: string
}

const EMBEDDED_DNS = '127.0.0.11'

/** A thread for one try: it goes into the namespace, and ends there. */
export async function runProbe(): Promise<void> {
  const params = workerData as ProbeWorkerData
  if (params.netnsPath) enterNetworkNamespace(openSync(params.netnsPath, 'r'))
  parentPort?.postMessage(await probe(params))
}

async function probe(params: ProbeWorkerData): Promise<ProbeOutcome> {
  const { name, protocol, port, timeoutMs } = params
  const { addresses: resolved, error: unresolved } = name
    ? await resolve(name, params.address.includes(':') ? 6 : 4, timeoutMs)
    : { addresses: [params.address], error: '' }
  // What the name says is what a program would try; the address that was asked for comes first if it is among them.
  const address = resolved.includes(params.address) ? params.address : resolved[0]
  if (!address) return { result: 'unresolved', address: '', resolved: [], milliseconds: 0, error: unresolved }
  const started = performance.now()
  const error = await (protocol === 'tcp' ? connect : send)({ address, port, timeoutMs })
  const milliseconds = performance.now() - started
  return { result: resultOf(protocol, error), address, resolved: name ? resolved : [], milliseconds, error }
}

async function resolve(name: string, family: 4 | 6, timeoutMs: number) {
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 1 })
  resolver.setServers([EMBEDDED_DNS])
  try {
    return { addresses: await resolver.resolve(name, family === 4 ? 'A' : 'AAAA'), error: '' }
  } catch (error) {
    return { addresses: [], error: codeOf(error) }
  }
}

interface Target {
  readonly address: string
  readonly port: number
  readonly timeoutMs: number
}
const NONE = ''
const TIMEOUT = 'ETIMEDOUT'
const SILENT = 'no answer'

function connect({ address, port, timeoutMs }: Target): Promise<string> {
  return new Promise((done) => {
    const socket = net.connect({ host: address, port })
    const timer = setTimeout(() => (socket.destroy(), done(TIMEOUT)), timeoutMs)
    const end = (error: string) => {
      clearTimeout(timer)
      socket.destroy()
      done(error)
    }
    socket.once('connect', () => end(NONE))
    socket.once('error', (error) => end(codeOf(error)))
  })
}

/** An empty datagram: who answers is there, a port that nobody has is refused by the kernel, the rest stays silent. */
function send({ address, port, timeoutMs }: Target): Promise<string> {
  return new Promise((done) => {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
    const timer = setTimeout(() => end(SILENT), timeoutMs)
    const end = (error: string) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.close()
      done(error)
    }
    socket.once('message', () => end(NONE))
    socket.once('error', (error) => end(codeOf(error)))
    socket.once('connect', () => socket.send(Buffer.alloc(0)))
    socket.connect(port, address)
  })
}

function resultOf(protocol: 'tcp' | 'udp', error: string): ProbeResult {
  switch (error) {
    case NONE:
      return protocol === 'tcp' ? 'connected' : 'answered'
    case 'ECONNREFUSED':
      return 'refused'
    case TIMEOUT:
      return 'timeout'
    case SILENT:
      return 'unanswered'
    default:
      return 'unreachable'
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
