import dgram from 'node:dgram'
import net from 'node:net'
import { parentPort } from 'node:worker_threads'
import type { ResolverParams } from '../../../host/network.ts'
import { answerQuestion, failQuestion, REFUSED, SERVFAIL } from './answer.ts'
import { createForwarder, frame, takeFrames } from './forward.ts'
import type { DnsSockets, ToDns } from './protocol.ts'
import { createZone, type View, type Zone } from './zones.ts'

const STREAM_IDLE_MS = 10_000
const MAX_STREAMS = 64

interface Resolver {
  params: ResolverParams
  own: Zone
  close(): void
}

/** The DNS thread: sockets that lie in the namespaces of containers, one table of names, questions outside from the host's. */
export function runDns(): void {
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
  const open = (params: ResolverParams, { udp, tcp }: DnsSockets) => {
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
    const resolver: Resolver = { params, own, close }
    resolvers.set(params.containerId, resolver)
  }
  const close = (containerId: string) => {
    resolvers.get(containerId)?.close()
    resolvers.delete(containerId)
  }
  parentPort?.on('message', (message: ToDns) => {
    switch (message.type) {
      case 'zone':
        if (message.hosts.length > 0) zones.set(message.network, createZone(message.network, message.hosts))
        else zones.delete(message.network)
        return
      case 'close':
        return close(message.containerId)
      case 'view': {
        const { params, sockets } = message
        if (sockets) {
          close(params.containerId)
          return open(params, sockets)
        }
        const known = resolvers.get(params.containerId)
        if (known) Object.assign(known, { params, own: createZone('', params.own) })
      }
    }
  })
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
