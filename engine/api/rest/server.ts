import { mkdirSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError, ERROR_STATUS } from '../../contract/errors.ts'
import type { Services } from '../../service/services.ts'
import { type RestAnswer, type RestRequest, readJson } from './http.ts'
import { readRawBody } from './raw-body.ts'
import { createRouter, type Hijack, type Route, type Router, splitVersion, versionFor } from './router.ts'
import { archiveRoutes } from './routes/archive.ts'
import { attachRoutes } from './routes/attach.ts'
import { containerRoutes } from './routes/containers.ts'
import { execRoutes } from './routes/exec.ts'
import { imageArchiveRoutes } from './routes/image-archives.ts'
import { imageRoutes } from './routes/images.ts'
import { logRoutes } from './routes/logs.ts'
import { networkRoutes } from './routes/networks.ts'
import { missingRoutes, missingWhy } from './routes/not-here.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { registryRoutes } from './routes/registry.ts'
import { statsRoutes } from './routes/stats.ts'
import { systemRoutes } from './routes/system.ts'
import { volumeRoutes } from './routes/volumes.ts'

const SLOWEST_HEADERS_MS = 30_000
const PEER_CHECK_MS = 500
/** Bytes of a body that wait for their reader, and of an answer for its client: a copy stops and goes less often than by 16 KiB. */
const BUFFERED_BYTES = 256 * 1024

/** Everything that the socket serves. */
export const allRoutes = (services: Services): Route[] => [
  ...missingRoutes,
  ...systemRoutes(services),
  ...containerRoutes(services),
  ...archiveRoutes(services),
  ...attachRoutes(services),
  ...logRoutes(services),
  ...statsRoutes(services),
  ...execRoutes(services),
  ...registryRoutes(services),
  ...imageArchiveRoutes(services),
  ...imageRoutes(services),
  ...volumeRoutes(services),
  ...networkRoutes(services),
  ...pluginRoutes,
]

/** Who may speak to the socket, and how slowly. */
export interface ServeOptions {
  readonly socket: string
  /** The process and the user behind a connection, −1 when it cannot be told. */
  readonly peerOf: (connection: net.Socket) => { readonly pid: number; readonly uid: number }
  /** Whether the client has closed a connection, and not only ended what it sends. */
  readonly isPeerGone: (connection: net.Socket) => boolean
  readonly slowestHeadersMs?: number
}

/** The Docker Engine API on a unix socket of mode 0600, for its own user and root. `close` ends every connection. */
export async function serveDockerApi(services: Services, options: ServeOptions): Promise<{ close(): Promise<void> }> {
  const { socket, peerOf, isPeerGone, slowestHeadersMs = SLOWEST_HEADERS_MS } = options
  const router = createRouter(allRoutes(services))
  const server = http.createServer({
    headersTimeout: slowestHeadersMs,
    connectionsCheckingInterval: slowestHeadersMs,
    requestTimeout: 0,
    highWaterMark: BUFFERED_BYTES,
  })
  const allowed = [0, process.getuid?.() ?? 0]
  // Connections that were taken over are no longer the server's own: all are ended here.
  const connections = new Set<net.Socket>()
  server.on('connection', (connection) => {
    // Modes of files can be changed; whom the kernel has seen connect cannot.
    const peer = peerOf(connection)
    if (!allowed.includes(peer.uid)) return void connection.destroy()
    connections.add(connection)
    const disconnect = services.docker.connect(peer)
    connection.on('close', () => {
      connections.delete(connection)
      disconnect()
    })
  })
  const watch = (stream: Duplex) => watchPeer(stream, () => isPeerGone(stream as net.Socket))
  server.on('request', (message, response) => void answer(router, { message, response, watch }))
  server.on('upgrade', (message: http.IncomingMessage, stream: Duplex, head: Buffer) => {
    watch(stream)
    void takeOver(router, message, stream, head)
  })
  server.on('clientError', refuseMalformed)
  mkdirSync(path.dirname(socket), { recursive: true, mode: 0o700 })
  await refuseIfServed(socket)
  rmSync(socket, { force: true })
  await listenPrivately(server, socket)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.destroy()
      }),
  }
}

/**
 * A connection that was taken over is open in each direction by itself: a client that ends its input may still read.
 * One that is gone altogether looks the same until something is written to it, which may be never.
 */
function watchPeer(stream: Duplex, isGone: () => boolean): void {
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    if (isGone()) stream.destroy()
  }
  stream.on('end', () => {
    check()
    timer = setInterval(check, PEER_CHECK_MS)
  })
  stream.on('close', () => clearInterval(timer))
}

/** The socket is nobody else's from its first moment: the mask holds while it is made. */
function listenPrivately(server: http.Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const mask = process.umask(0o177)
    try {
      server.listen(socket, resolve)
    } finally {
      process.umask(mask)
    }
  })
}

/** What is no HTTP, or comes too slowly or too large, is told so and let go. */
function refuseMalformed(error: NodeJS.ErrnoException, connection: Duplex): void {
  if (error.code === 'ECONNRESET' || !connection.writable) return void connection.destroy()
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  connection.end(rawAnswer(status, { message: `malformed request: ${http.STATUS_CODES[status]}` }))
}

/** An answer for a connection that the server no longer frames. */
function rawAnswer(status: number, json: object): string {
  const body = `${JSON.stringify(json)}\n`
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}

/** A socket that somebody serves is not taken from them. */
function refuseIfServed(socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = net.connect(socket)
    probe.on('error', () => resolve())
    probe.on('connect', () => {
      probe.destroy()
      reject(
        new EngineError(
          'conflict',
          'socket.in-use',
          `another engine serves ${socket}; choose another --socket or --root`,
        ),
      )
    })
  })
}

function parse(router: Router, message: http.IncomingMessage, signal: AbortSignal) {
  const url = URL.canParse(message.url ?? '/', 'http://docker') ? new URL(message.url ?? '/', 'http://docker') : null
  if (!url) throw new EngineError('invalidArgument', 'path.invalid', `invalid path: ${message.url}`)
  const { path: target, version: asked } = splitVersion(url.pathname)
  const version = versionFor(asked, message.headers['user-agent'])
  const { route, params } = router.match(message.method ?? 'GET', target)
  const request: RestRequest = { params, query: url.searchParams, version, message, signal }
  return { route, request }
}

interface Exchange {
  readonly message: http.IncomingMessage
  readonly response: http.ServerResponse
  /** Notices the end of a client whose connection is taken over. */
  readonly watch: (stream: Duplex) => void
}

async function answer(router: Router, { message, response, watch }: Exchange): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.setHeader('Api-Version', '1.51')
  response.setHeader('Docker-Experimental', 'false')
  response.setHeader('Ostype', 'linux')
  response.setHeader('Server', 'Slipway')
  try {
    const { route, request } = parse(router, message, gone.signal)
    if ('handle' in route) return await write(response, await route.handle(request), message.method === 'HEAD')
    // A client that does not ask for an upgrade still gets the bare connection.
    const { socket } = message
    await route.hijack(request, {
      body: () => readJson(message, message.headers),
      open: (type) => {
        response.detachSocket(socket)
        // What comes from now on is input and its end, not another request: the parser lets go.
        for (const event of ['data', 'end', 'error']) socket.removeAllListeners(event)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => gone.abort())
        watch(socket)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n\r\n`)
        return socket
      },
    })
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy()
    else await write(response, errorAnswer(error), message.method === 'HEAD')
  }
}

async function takeOver(router: Router, message: http.IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
  const gone = new AbortController()
  stream.on('close', () => gone.abort())
  stream.on('error', () => gone.abort())
  if (head.length > 0) stream.unshift(head)
  let isOpen = false
  try {
    const { route, request } = parse(router, message, gone.signal)
    // A call that is not here says so, whatever it would become.
    if ('handle' in route && missingWhy.has(route)) await route.handle(request)
    if (!('hijack' in route)) throw new EngineError('invalidArgument', 'upgrade.refused', 'this call does not upgrade')
    const connection: Hijack = {
      body: () => readJson(readRawBody(stream, message.headers), message.headers),
      open: (type) => {
        isOpen = true
        stream.write(
          `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.51\r\n\r\n`,
        )
        return stream
      },
    }
    await route.hijack(request, connection)
  } catch (error) {
    if (isOpen) return void stream.destroy()
    const { status, json } = errorAnswer(error)
    stream.end(rawAnswer(status, json))
  }
}

function errorAnswer(cause: unknown): { readonly status: number; readonly json: { readonly message: string } } {
  const error = EngineError.from(cause)
  return { status: ERROR_STATUS[error.code], json: { message: error.message } }
}

async function write(response: http.ServerResponse, reply: RestAnswer, isHead: boolean): Promise<void> {
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value)
  if ('stream' in reply) {
    response.writeHead(reply.status, reply.headers?.['Content-Type'] ? {} : { 'Content-Type': 'application/json' })
    response.flushHeaders()
    await pipeline(Readable.from(reply.stream), response).catch(() => response.destroy())
    return
  }
  if (reply.json === undefined || reply.status === 304) {
    response.writeHead(reply.status).end()
    return
  }
  const isText = typeof reply.json === 'string'
  const body = isText ? String(reply.json) : `${JSON.stringify(reply.json)}\n`
  response.writeHead(reply.status, {
    'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(isHead ? undefined : body)
}
