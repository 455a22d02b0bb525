import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext, rootCertificates } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { EngineError } from '../contract/errors.ts'
import type { HostCertificates } from './certificates.ts'
import { describeFailure, isBroken } from './failure.ts'

/** How often in a row something is tried without fruit before it is given up. */
export const ATTEMPTS = 5
const FIRST_WAIT_MS = 300
const MAX_WAIT_MS = 30_000
/** A registry that says nothing for so long is taken for gone. */
const STALL_MS = 60_000
const MAX_REDIRECTS = 5
const ERROR_TEXT_BYTES = 64 * 1024
const USER_AGENT = 'slipway'
const NO_CERTIFICATES: HostCertificates = { authorities: [], clients: [] }

export type Headers = Readonly<Record<string, string>>
export type Body = string | Uint8Array | (() => AsyncIterable<Uint8Array>)
export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers?: Headers
  /** A function, where a retry must read it anew. */
  readonly body?: Body
  readonly signal: AbortSignal
  /** How this host proves who it is, where that is not as usual. Redirects to others do not get it. */
  readonly tls?: TlsTrust
  /** How often it is tried at most; once, where what comes next depends on how far the first try came. */
  readonly attempts?: number
}
export type RegistryResponse = Dispatcher.ResponseData

/** Whom to believe, further authorities or anyone, and how we prove who we are. */
export interface TlsTrust extends HostCertificates {
  readonly isUnverified: boolean
}

export interface Transport {
  /** Sends with retries on broken connections, 429 and 5xx; any other answer is the caller's to judge. */
  send(request: RegistryRequest): Promise<RegistryResponse>
  close(): Promise<void>
}

export interface TransportOptions {
  readonly firstWaitMs?: number
  readonly stallMs?: number
  /** Authorities (PEM) beside Node's own; the same array as long as they are the same. */
  readonly readSystemAuthorities: () => Promise<readonly string[]>
}

/** HTTP to registries. Proxies come from the environment, and are never asked for this machine itself. */
export function createTransport(options: TransportOptions): Transport {
  const { stallMs = STALL_MS } = options
  const limits = { connect: { timeout: 15_000 }, headersTimeout: stallMs, bodyTimeout: stallMs }
  const pools = new Map<string, Pools>()
  let system: readonly string[] = []
  let usual = contextOf(system)
  const poolsFor = async (tls: TlsTrust | undefined): Promise<Pools> => {
    const current = await options.readSystemAuthorities()
    if (current !== system) {
      system = current
      usual = contextOf(system)
      // What goes on over them ends in peace; what comes next trusts what the system does now.
      for (const { direct, proxied } of pools.values()) for (const pool of [direct, proxied]) void pool.close()
      pools.clear()
    }
    const key = JSON.stringify(tls ?? null)
    const known = pools.get(key) ?? createPools(limits, usual, { system, tls })
    pools.set(key, known)
    return known
  }
  const firstWaitMs = options.firstWaitMs ?? FIRST_WAIT_MS

  const sendOnce = async (wanted: RegistryRequest): Promise<RegistryResponse> => {
    let url = wanted.url
    let headers: Headers = { 'user-agent': USER_AGENT, ...wanted.headers }
    for (let hops = 0; ; hops += 1) {
      const response = await request(url, {
        method: wanted.method,
        headers,
        body: bodyOf(wanted.body),
        signal: wanted.signal,
        dispatcher: dispatcherFor(url, await poolsFor(url.origin === wanted.url.origin ? wanted.tls : undefined)),
      })
      const isRead = wanted.method === 'GET' || wanted.method === 'HEAD'
      if (!isRead || ![301, 302, 303, 307, 308].includes(response.statusCode)) return response
      await response.body.dump()
      const next = new URL(String(response.headers['location'] ?? ''), url)
      assertRedirect({ from: url, to: next, hops })
      // Storage behind a registry has its own signature in the address; our credentials are not for it.
      if (next.origin !== url.origin) headers = withoutCredentials(headers)
      url = next
    }
  }

  return {
    async send(wanted) {
      for (let attempt = 1; ; attempt += 1) {
        const isLast = attempt >= (wanted.attempts ?? ATTEMPTS)
        try {
          const response = await sendOnce(wanted)
          if (isLast || !isTransient(response.statusCode)) return response
          const wait = retryAfterMs(response.headers['retry-after']) ?? backOff(firstWaitMs, attempt)
          await response.body.dump()
          await sleep(Math.min(wait, MAX_WAIT_MS), undefined, { signal: wanted.signal })
        } catch (error) {
          wanted.signal.throwIfAborted()
          if (isLast || !isBroken(error)) throw describeFailure(error, wanted.url)
          await sleep(backOff(firstWaitMs, attempt), undefined, { signal: wanted.signal })
        }
      }
    },
    async close() {
      await Promise.all([...pools.values()].flatMap(({ direct, proxied }) => [direct.destroy(), proxied.destroy()]))
    },
  }
}

interface Pools {
  readonly direct: Agent
  readonly proxied: EnvHttpProxyAgent
}

function createPools(
  { connect, ...limits }: { readonly connect: { timeout: number } },
  usual: TlsContext,
  { system, tls }: { readonly system: readonly string[]; readonly tls: TlsTrust | undefined },
): Pools {
  const hasOwn = tls !== undefined && tls.authorities.length + tls.clients.length > 0
  const trust = { rejectUnauthorized: !tls?.isUnverified, ...(hasOwn ? contextOf(system, tls) : usual) }
  const options = { ...limits, connect: { ...connect, ...trust } }
  return {
    direct: new Agent(options),
    proxied: new EnvHttpProxyAgent({ ...options, requestTls: trust, proxyTls: usual }),
  }
}

type TlsContext = ReturnType<typeof contextOf>

/** Made once for all connections: to read a hundred authorities takes longer than a handshake, and nobody else has a turn meanwhile. */
function contextOf(system: readonly string[], { authorities, clients }: HostCertificates = NO_CERTIFICATES) {
  const added = [...system, ...authorities]
  if (added.length + clients.length === 0) return {}
  return {
    secureContext: createSecureContext({
      ...(added.length > 0 ? { ca: [...rootCertificates, ...added] } : {}),
      cert: clients.map(({ certificate }) => certificate),
      key: clients.map(({ key }) => key),
    }),
  }
}

const dispatcherFor = (url: URL, { direct, proxied }: Pools) => (isLoopback(url.hostname) ? direct : proxied)

function bodyOf(body: Body | undefined): Dispatcher.RequestOptions['body'] {
  const bytes = typeof body === 'function' ? body() : body
  return (bytes ?? null) as Dispatcher.RequestOptions['body']
}

function assertRedirect({ from, to, hops }: { from: URL; to: URL; hops: number }): void {
  const refuse = (why: string) =>
    new EngineError('unavailable', 'registry.bad-redirect', `${from.host} redirects to ${to.host}, ${why}`)
  if (hops >= MAX_REDIRECTS) throw refuse(`the ${MAX_REDIRECTS + 1}th time in a row`)
  if (to.protocol !== 'https:' && to.protocol !== from.protocol) throw refuse('which is not encrypted')
}

function withoutCredentials(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'))
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

export function isTransient(status: number): boolean {
  return status === 429 || status === 408 || (status >= 500 && status !== 501)
}

/** Doubles each time; up to a third is chance, so that many clients do not come back at once. */
export function backOff(firstMs: number, attempt: number): number {
  return Math.min(MAX_WAIT_MS, firstMs * 2 ** (attempt - 1)) * (1 + Math.random() / 3)
}

function retryAfterMs(header: string | string[] | undefined): number | null {
  const text = String(header ?? '')
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now())
}

/** Lets go of an answer whose body nobody wants, however large it is. */
export function discard({ body }: RegistryResponse): void {
  body.on('error', () => undefined)
  body.destroy()
}

/** The start of an answer's body, for an error. */
export const readText = (response: RegistryResponse): Promise<string> => readStart(response.body, ERROR_TEXT_BYTES)

/** The beginning of a body; the rest of it is let go. */
export async function readStart(body: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > limitBytes) break
  }
  return Buffer.concat(chunks).toString('utf8')
}
