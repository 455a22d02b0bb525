import dgram from 'node:dgram'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import { parentPort } from 'node:worker_threads'
import type { ResolverParams } from '../../../host/network.ts'
import { enterNetworkNamespace, openListener } from '../../libc/listen.ts'
import { answerQuestion, failQuestion, REFUSED, SERVFAIL } from './answer.ts'
import { createForwarder, frame, takeFrames } from './forward.ts'
import type { FromDns, ToDns } from './protocol.ts'
import { createZone, type View, type Zone } from './zones.ts'

const ADDRESS = '127.0.0.11'
const STREAM_IDLE_MS = 10_000
const MAX_STREAMS = 64

interface Resolver {
  params: ResolverParams
  own: Zone
  readonly udpPort: number
  readonly tcpPort: number
  close(): void
}

/** The DNS thread: sockets in the namespaces of containers, one table of names, questions to the outside from the host. */
export function runDns(): void {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const zones = new Map<string, Zone>()
  const resolvers = new Map<string, Resolver>()
  const forwarder = createForwarder()
  let turn = 0

  const viewOf = ({ own, params }: Resolver): View => ({
    own,
    zones: params.networks.flatMap((network) => zones.get(network) ?? []),
  })
  const resolve = async (resolver: Resolver, query: Buffer, isStream: boolean): Promise<Buffer | null> => {
    const { isForwarding, upstreams } = resolver.params
    turn += 1
    const outcome = answerQuestion(query, viewOf(resolver), { isForwarding, isStream, rotate: () => turn })
    if (outcome === 'drop') return null
    if (outcome !== 'forward') return outcome
    const answer = await forwarder.ask(query, { upstreams, isStream })
    return answer === 'busy' ? failQuestion(query, REFUSED) : (answer ?? failQuestion(query, SERVFAIL))
  }
  const open = (netnsPath: string, params: ResolverParams): Resolver => {
    const { udp, tcp } = openSockets(netnsPath, home)
    const datagrams = dgram.createSocket('udp4')
    const streams = net.createServer((socket) => serveStream(socket, (query) => resolve(resolver, query, true)))
    streams.maxConnections = MAX_STREAMS
    datagrams.on('error', () => {})
    streams.on('error', () => {})
    datagrams.on('message', (query, from) => {
      void resolve(resolver, query, false).then((answer) => {
        if (answer && resolvers.has(params.containerId)) datagrams.send(answer, from.port, from.address)
      })
    })
    datagrams.bind({ fd: udp.fd })
    streams.listen({ fd: tcp.fd })
    const close = () => (datagrams.close(), streams.close())
    const own = createZone('', params.own)
    const resolver: Resolver = { params, own, udpPort: udp.port, tcpPort: tcp.port, close }
    resolvers.set(params.containerId, resolver)
    return resolver
  }
  const receive = (message: ToDns): FromDns | null => {
    if (message.type === 'zone') {
      if (message.hosts.length > 0) zones.set(message.network, createZone(message.network, message.hosts))
      else zones.delete(message.network)
      return null
    }
    if (message.type === 'close') {
      resolvers.get(message.containerId)?.close()
      resolvers.delete(message.containerId)
      return null
    }
    const { call, params, netnsPath } = message
    const known = resolvers.get(params.containerId)
    if (known) Object.assign(known, { params, own: createZone('', params.own) })
    const { udpPort, tcpPort } = known ?? open(netnsPath, params)
    return { call, udpPort, tcpPort, isNew: !known }
  }
  parentPort?.on('message', (message: ToDns) => {
    try {
      const answer = receive(message)
      if (answer) parentPort?.postMessage(answer)
    } catch (error) {
      if (message.type === 'open')
        parentPort?.postMessage({ call: message.call, error: String(error) } satisfies FromDns)
    }
  })
}

/** Opens both sockets in a namespace and comes back; nothing else runs on this thread meanwhile. */
function openSockets(netnsPath: string, home: number) {
  const there = openSync(netnsPath, 'r')
  try {
    enterNetworkNamespace(there)
    return { udp: openListener('udp', ADDRESS, 0), tcp: openListener('tcp', ADDRESS, 0) }
  } finally {
    enterNetworkNamespace(home)
    closeSync(there)
  }
}

function serveStream(socket: net.Socket, resolve: (query: Buffer) => Promise<Buffer | null>): void {
  let gathered: Buffer = Buffer.alloc(0)
  socket.setTimeout(STREAM_IDLE_MS, () => socket.destroy())
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    const { frames, rest } = takeFrames(Buffer.concat([gathered, chunk]))
    gathered = Buffer.from(rest)
    for (const query of frames)
      void resolve(Buffer.from(query)).then((answer) => {
        if (answer && socket.writable) socket.write(frame(answer))
      })
  })
}
