import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { EngineError } from '../../contract/errors.ts'

const MAX_LINE = 256

/**
 * The body of a request whose connection is taken over: the server reads its headers alone. As long as
 * `Content-Length` says, or in chunks (RFC 9112, 7.1); what follows stays in the stream.
 */
export async function* readRawBody(stream: Duplex, headers: IncomingHttpHeaders): AsyncGenerator<Buffer> {
  if (!/\bchunked$/i.test(headers['transfer-encoding'] ?? '')) {
    yield* readBytes(stream, Number(headers['content-length'] ?? 0))
    return
  }
  for (;;) {
    const size = Number.parseInt(await readLine(stream), 16)
    if (!(size >= 0)) throw malformed()
    if (size === 0) break
    yield* readBytes(stream, size)
    if ((await readLine(stream)) !== '') throw malformed()
  }
  // Trailers, up to an empty line.
  while ((await readLine(stream)) !== '');
}

async function* readBytes(stream: Duplex, length: number): AsyncGenerator<Buffer> {
  for (let rest = length; rest > 0; ) {
    const chunk = await nextChunk(stream)
    if (chunk.length > rest) stream.unshift(chunk.subarray(rest))
    yield chunk.subarray(0, rest)
    rest -= Math.min(rest, chunk.length)
  }
}

async function readLine(stream: Duplex): Promise<string> {
  let line = ''
  while (line.length < MAX_LINE) {
    const chunk = await nextChunk(stream)
    const end = chunk.indexOf(10)
    line += chunk.toString('latin1', 0, end < 0 ? chunk.length : end)
    if (end < 0) continue
    if (end + 1 < chunk.length) stream.unshift(chunk.subarray(end + 1))
    return line.replace(/\r$/, '')
  }
  throw malformed()
}

async function nextChunk(stream: Duplex): Promise<Buffer> {
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk) return chunk
    if (stream.readableEnded || stream.destroyed) throw malformed()
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['readable', 'end', 'close'] as const) stream.off(event, done)
        resolve()
      }
      for (const event of ['readable', 'end', 'close'] as const) stream.once(event, done)
    })
  }
}

const malformed = () => new EngineError('invalidArgument', 'body.malformed', 'the body of the request is malformed')
