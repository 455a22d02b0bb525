import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { EngineError } from '../../contract/errors.ts'

const MAX_BYTES = 64 * 1024

/**
 * The JSON object at the head of a body that stays open: docker-modem sends the options of an exec so, and what is typed
 * after them, and waits for the answer in between. A body that begins with something else has no options. What follows
 * them stays in the stream.
 */
export async function readOpenBody(body: Readable): Promise<Record<string, unknown>> {
  let text = ''
  for (;;) {
    const chunk = body.read() as Buffer | null
    if (chunk) {
      // One character a byte: what is put back is what came.
      text += chunk.toString('latin1')
      const end = text.startsWith('{') ? objectEnd(text) : 0
      if (end >= 0) {
        if (end < text.length) body.unshift(Buffer.from(text.slice(end), 'latin1'))
        return end === 0 ? {} : parse(Buffer.from(text.slice(0, end), 'latin1').toString())
      }
      if (text.length > MAX_BYTES) throw invalid('request body too large')
      continue
    }
    if (body.readableEnded || body.destroyed) return text === '' ? {} : parse(text)
    await new Promise<void>((resolve) => {
      const events = ['readable', 'end', 'close'] as const
      const wake = () => {
        for (const event of events) body.off(event, wake)
        resolve()
      }
      for (const event of events) body.on(event, wake)
    })
  }
}

/** Whether the end of a request's body is not known when its headers are read. */
export const isOpenBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined && headers['content-length'] === undefined

/** Where the object at the head of a text ends; −1 when it does not. */
function objectEnd(text: string): number {
  let depth = 0
  let isText = false
  for (let index = 0; index < text.length; index += 1) {
    const sign = text[index]
    if (isText) {
      if (sign === '\\') index += 1
      else if (sign === '"') isText = false
    } else if (sign === '"') isText = true
    else if (sign === '{') depth += 1
    else if (sign === '}') {
      depth -= 1
      if (depth === 0) return index + 1
    }
  }
  return -1
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    throw invalid(`invalid JSON: ${(cause as Error).message}`)
  }
}

const invalid = (message: string) => new EngineError('invalidArgument', 'body.invalid', message)
