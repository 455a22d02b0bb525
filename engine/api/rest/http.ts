import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { EngineError } from '../../contract/errors.ts'
import { hasLabels } from '../../lib/labels.ts'

const MAX_JSON_BYTES = 4 * 1024 * 1024

/** A request as routes see it: path parameters, query, and a signal that ends with the client. */
export interface RestRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  /** The minor version that the client speaks: 51 of `/v1.51/…`, and of a path without one. */
  readonly version: number
  readonly message: IncomingMessage
  readonly signal: AbortSignal
}
/** An answer. `stream` is written chunk by chunk and its headers go out at once. */
export type RestAnswer =
  | { readonly status: number; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly status: number
      readonly stream: AsyncIterable<Uint8Array | string>
      readonly headers?: Readonly<Record<string, string>>
    }

/** Docker's booleans: `1`, `true`, `True` … */
export const isTrue = (text: string | null): boolean => text !== null && /^(1|true|yes|on)$/i.test(text)

/** Docker's `filters` parameter: `{"name":["a"]}` or the older `{"name":{"a":true}}`. */
export function parseFilters(text: string | null, known: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const filters = new Map<string, readonly string[]>()
  if (!text) return filters
  const parsed = parseJson(text, 'invalid filter')
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new EngineError('invalidArgument', 'filter.invalid', 'invalid filter')
  for (const [name, values] of Object.entries(parsed as Record<string, unknown>)) {
    if (!known.includes(name)) throw new EngineError('invalidArgument', 'filter.unknown', `invalid filter '${name}'`)
    if (typeof values !== 'object' || values === null)
      throw new EngineError(
        'invalidArgument',
        'filter.invalid',
        `invalid filter '${name}': its values are a list, not ${JSON.stringify(values)}`,
      )
    filters.set(name, Array.isArray(values) ? values.map(String) : Object.keys(values))
  }
  return filters
}

/** What a filter of yes or no says; `undefined` when it is not there. Neither, or both, is a bad request, as with docker. */
export function filterFlag(filters: ReadonlyMap<string, readonly string[]>, name: string): boolean | undefined {
  const values = filters.get(name)
  if (!values) return undefined
  const isYes = values.some((value) => value === '1' || value === 'true')
  const isNo = values.some((value) => value === '0' || value === 'false')
  if (isYes !== isNo) return isYes
  throw new EngineError(
    'invalidArgument',
    'filter.invalid',
    `invalid filter '${name}=${values.join(',')}': say true or false`,
  )
}

/** A JSON body of at most 4 MiB, and said to be JSON. An empty one is `{}`. */
export async function readJson(
  message: AsyncIterable<Buffer> & { readonly headers?: IncomingHttpHeaders },
  headers = message.headers,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message) {
    size += chunk.length
    if (size > MAX_JSON_BYTES) throw new EngineError('invalidArgument', 'body.too-large', 'request body too large')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  if (text.trim() === '') return {}
  const type = headers?.['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new EngineError(
      'invalidArgument',
      'body.not-json',
      `unsupported Content-Type header (${type}): must be 'application/json'`,
    )
  const value = parseJson(text, 'invalid JSON')
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new EngineError('invalidArgument', 'body.invalid', 'invalid JSON: an object is expected')
  return value as Record<string, unknown>
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new EngineError('invalidArgument', 'body.invalid', `${what}: ${error instanceof Error ? error.message : ''}`)
  }
}

/** A time in milliseconds: Unix seconds, RFC 3339, or how long ago (`10m`, `1h30m`). */
export function readUntil(text: string): number {
  const ago = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  if (ago.length > 0 && ago.map(([part]) => part).join('') === text) {
    const scale = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
    return Date.now() - ago.reduce((sum, [, count, unit]) => sum + Number(count) * scale[unit as keyof typeof scale], 0)
  }
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (Number.isFinite(time)) return time
  throw new EngineError('invalidArgument', 'filter.invalid', `invalid filter 'until=${text}'`)
}

/** The filters of a prune that are the same for everything that can be pruned. */
export const PRUNE_FILTERS = ['label', 'label!', 'until']

/** Whether a prune takes something by its `label`, `label!` and `until`. */
export function pruneTest(
  filters: ReadonlyMap<string, readonly string[]>,
): (one: { readonly labels: Readonly<Record<string, string>>; readonly createdAt: string }) => boolean {
  const until = filters.get('until')?.map(readUntil) ?? []
  if (until.length > 1) {
    const values = filters.get('until')?.join(', ')
    throw new EngineError('invalidArgument', 'filter.invalid', `invalid filter 'until': ${values} are more than one`)
  }
  return ({ labels, createdAt }) =>
    hasLabels(labels, filters.get('label') ?? []) &&
    !filters.get('label!')?.some((one) => hasLabels(labels, [one])) &&
    until.every((time) => Date.parse(createdAt) < time)
}
