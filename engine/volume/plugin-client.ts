import http from 'node:http'
import { EngineError } from '../contract/errors.ts'

/** Where a plugin listens. */
export interface PluginAddress {
  readonly name: string
  readonly socketPath: string
}
/** What a plugin answers: nothing of it is to be relied on. */
export type PluginAnswer = Readonly<Record<string, unknown>>

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json'
const MAX_ANSWER_BYTES = 1024 * 1024
const MAX_ERROR_CHARACTERS = 1000

/**
 * One call of Docker's plugin protocol: a POST of JSON on the plugin's socket.
 * @throws EngineError `volume.plugin-refused` with the plugin's own text, `volume.plugin-failed` where it gives no answer
 */
export async function callPlugin(
  { name, socketPath }: PluginAddress,
  call: { readonly method: string; readonly body: object; readonly timeoutMs: number },
): Promise<PluginAnswer> {
  const { method, timeoutMs } = call
  const failed = (why: string, cause?: unknown) =>
    new EngineError('unavailable', 'volume.plugin-failed', `volume plugin "${name}": ${method}: ${why}`, { cause })
  // Bounds the whole call: a plugin that sends a byte now and then is late too.
  const signal = AbortSignal.timeout(timeoutMs)
  const { status, text } = await post(socketPath, call, signal).catch((error: unknown) => {
    if (signal.aborted) throw failed(`no answer within ${timeoutMs / 1000} seconds`, error)
    throw failed(error instanceof Error ? error.message : String(error), error)
  })
  const answer = parse(text)
  const refusal = typeof answer?.['Err'] === 'string' ? answer['Err'] : ''
  if (status !== 200 || refusal !== '')
    throw new EngineError(
      'internal',
      'volume.plugin-refused',
      `${method}: ${(refusal || text.trim() || `status ${status}`).slice(0, MAX_ERROR_CHARACTERS)}`,
    )
  if (!answer) throw failed('the answer is not a JSON object')
  return answer
}

function post(
  socketPath: string,
  { method, body }: { readonly method: string; readonly body: object },
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': CONTENT_TYPE, accept: CONTENT_TYPE }
    const options = { socketPath, method: 'POST', path: `/${method}`, headers, agent: false, signal }
    const request = http.request(options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is larger than 1 MiB'))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    request.end(JSON.stringify(body))
  })
}

function parse(text: string): PluginAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as PluginAnswer) : undefined
  } catch {
    return undefined
  }
}
