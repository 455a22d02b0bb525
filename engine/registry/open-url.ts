import { STATUS_CODES } from 'node:http'
import { EngineError, type ErrorCode } from '../contract/errors.ts'
import { type Headers, readStart, type Transport } from './transport.ts'

const ERROR_TEXT_BYTES = 1024

/** A file of a web server that is about to come. */
export interface OpenedUrl {
  /** Where it is asked for, without a password. */
  readonly url: string
  /** 0 where the server does not say. */
  readonly totalBytes: number
  readonly body: AsyncIterable<Uint8Array>
}

/** Asks for `http(s)://[USER:PASSWORD@]HOST/PATH`; without a scheme it is http, as Docker has it. Anything but success is an error. */
export async function openUrl(transport: Transport, text: string, signal: AbortSignal): Promise<OpenedUrl> {
  const url = parse(text)
  const headers: Headers = url.username || url.password ? { authorization: `Basic ${basic(url)}` } : {}
  url.username = ''
  url.password = ''
  // No proxy and no server is to pack it once more: what counts are the bytes of the archive.
  const wanted = { method: 'GET', url, headers: { ...headers, 'accept-encoding': 'identity' }, signal } as const
  const { statusCode, headers: told, body } = await transport.send({ ...wanted, attempts: 1 })
  if (statusCode !== 200) {
    const said = (await readStart(body, ERROR_TEXT_BYTES)).trim()
    const status = `${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim()
    throw new EngineError(codeOf(statusCode), 'import.http', `failed to GET ${url} with status ${status}: ${said}`)
  }
  return { url: String(url), totalBytes: Number(told['content-length'] ?? 0) || 0, body }
}

function parse(text: string): URL {
  const whole = text.includes('://') ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : null
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new EngineError(
    'invalidArgument',
    'import.source',
    `invalid source ${JSON.stringify(text.slice(0, 200))}: give -, with a tar as the body, or the http or https address of one`,
  )
}

const basic = ({ username, password }: URL) =>
  Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'notFound'
  return status >= 400 && status < 500 ? 'invalidArgument' : 'internal'
}
