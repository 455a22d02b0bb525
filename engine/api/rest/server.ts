import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EngineError, ERROR_STATUS } from '../../contract/errors.ts'
import type { Services } from '../../service/services.ts'
import { type RestAnswer, type RestRequest, readJson } from './http.ts'
import { createRouter, type Hijack, type Route, type Router, splitVersion, versionFor } from './router.ts'
import { archiveRoutes } from './routes/archive.ts'
import { attachRoutes } from './routes/attach.ts'
import { containerRoutes } from './routes/containers.ts'
import { execRoutes } from './routes/exec.ts'
import { imageArchiveRoutes } from './routes/image-archives.ts'
import { imageRoutes } from './routes/images.ts'
import { logRoutes } from './routes/logs.ts'
import { networkRoutes } from './routes/networks.ts'
import { missingRoutes } from './routes/not-here.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { registryRoutes } from './routes/registry.ts'
import { statsRoutes } from './routes/stats.ts'
import { systemRoutes } from './routes/system.ts'
import { volumeRoutes } from './routes/volumes.ts'

const SLOWEST_HEADERS_MS = 30_000

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

/** The Docker Engine API on a unix socket of mode 0600. `close` ends every connection. */
export async function serveDockerApi(services: Services, socket: string): Promise<{ close(): Promise<void> }> {
  const router = createRouter(allRoutes(services))
  const server = http.createServer({ headersTimeout: SLOWEST_HEADERS_MS, requestTimeout: 0 })
  // Connections that were taken over are no longer the server's own: all are ended here.
  const connections = new Set<net.Socket>()
  server.on('connection', (connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
  })
  server.on('request', (message, response) => void answer(router, message, response))
  server.on('upgrade', (message: http.IncomingMessage, stream: Duplex, head: Buffer) => {
    void takeOver(router, message, stream, head)
  })
  mkdirSync(path.dirname(socket), { recursive: true, mode: 0o700 })
  await refuseIfServed(socket)
  rmSync(socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.destroy()
      }),
  }
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
  const url = new URL(message.url ?? '/', 'http://docker')
  const { path: target, version: asked } = splitVersion(url.pathname)
  const version = versionFor(asked, message.headers['user-agent'])
  const { route, params } = router.match(message.method ?? 'GET', target)
  const request: RestRequest = { params, query: url.searchParams, version, message, signal }
  return { route, request }
}

async function answer(router: Router, message: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
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
      body: () => readJson(message),
      open: (type) => {
        response.detachSocket(socket)
        // What comes from now on is input and its end, not another request: the parser lets go.
        for (const event of ['data', 'end', 'error']) socket.removeAllListeners(event)
        socket.on('error', () => socket.destroy())
        socket.on('close', () => gone.abort())
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
    if (!('hijack' in route)) throw new EngineError('invalidArgument', 'upgrade.refused', 'this call does not upgrade')
    const connection: Hijack = {
      body: () => readBody(stream, Number(message.headers['content-length'] ?? 0)),
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
    const body = `${JSON.stringify(json)}\n`
    stream.end(
      `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }
}

/** The first `length` bytes of a connection as JSON; what follows stays in it. */
async function readBody(stream: Duplex, length: number): Promise<Record<string, unknown>> {
  let rest = length
  const chunks: Buffer[] = []
  while (rest > 0) {
    const chunk = stream.read() as Buffer | null
    if (!chunk) {
      if (stream.readableEnded || stream.destroyed) break
      await new Promise<void>((resolve) => {
        stream.once('readable', resolve)
        stream.once('close', resolve)
      })
      continue
    }
    chunks.push(chunk.subarray(0, rest))
    if (chunk.length > rest) stream.unshift(chunk.subarray(rest))
    rest -= Math.min(rest, chunk.length)
  }
  return readJson(Readable.from(chunks))
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
