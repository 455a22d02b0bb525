import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { HostCertificates } from './certificates.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import { type Credentials, type FoundLogin, HUB } from './credentials.ts'
import {
  ATTEMPTS,
  isLoopback,
  type RegistryRequest,
  type RegistryResponse,
  readText,
  type TlsTrust,
  type Transport,
} from './transport.ts'

const HUB_ENDPOINT = 'registry-1.docker.io'
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() })
const Errors = z.object({ errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })) })

export interface SessionOptions {
  readonly transport: Transport
  readonly host: string
  /** Asked once, when the registry wants to know who we are. */
  readonly credentials: () => Promise<FoundLogin>
  /** Registries that may be spoken to without encryption; this machine's own always may. */
  readonly insecure: readonly string[]
  /** Further authorities that may vouch for it, and certificates of ours. */
  readonly certificates: HostCertificates
  /** Where it answers, when that was set by a person; else it is found out from the host. */
  readonly endpoint?: URL
  /** How often it is tried in a row without fruit; fewer times where another can be asked in its place. */
  readonly attempts?: number
  /** `repository:a/b:pull` and the like. */
  readonly scopes: readonly string[]
}

/** A conversation with one registry about one thing, authorised as the registry asks for it. */
export interface Session {
  readonly host: string
  readonly attempts: number
  /** `path` is below `/v2/`, or a whole address that the registry gave. */
  request(path: string | URL, options: Omit<RegistryRequest, 'url'>): Promise<RegistryResponse>
  /** Where the registry answers; known once something was asked of it. */
  origin(): Promise<URL>
}

/** Opens a conversation. Credentials and tokens are sent to this registry and its token server alone. */
export function createSession(options: SessionOptions): Session {
  const { transport, host, attempts = ATTEMPTS } = options
  let base: Promise<URL> | undefined
  let authorization: string | undefined
  let asking: Promise<string> | undefined
  let helperFailure = ''

  const authorize = (challenge: Challenge, origin: URL, signal: AbortSignal) => {
    asking ??= options
      .credentials()
      .then((found) => {
        helperFailure = found.helperFailure
        return meetChallenge(options, { challenge, origin, signal, credentials: found.credentials })
      })
      .catch((error: unknown) => {
        throw nameHelper(error, helperFailure)
      })
      .finally(() => {
        asking = undefined
      })
    return asking
  }

  return {
    host,
    attempts,
    async origin() {
      if (base) return base
      throw new EngineError('internal', 'registry.not-asked', `nothing was asked of ${host} yet`)
    },
    async request(path, wanted) {
      base ??= findEndpoint(options, wanted.signal)
      const origin = await base.catch((error: unknown) => {
        base = undefined
        throw error
      })
      const url = path instanceof URL ? path : new URL(path, new URL('/v2/', origin))
      const isOurs = url.origin === origin.origin
      const send = () => {
        const headers = { ...wanted.headers, ...(isOurs && authorization ? { authorization } : {}) }
        return transport.send({ attempts, ...wanted, url, headers, ...(isOurs ? { tls: trustOf(options) } : {}) })
      }
      const used = authorization
      const response = await send()
      const challenge =
        response.statusCode === 401 && isOurs ? parseChallenges(response.headers['www-authenticate']) : null
      if (!challenge) return response
      await response.body.dump()
      // Another request may have fetched a token meanwhile.
      if (authorization === used) authorization = await authorize(challenge, origin, wanted.signal)
      const answer = await send()
      if (helperFailure === '' || ![401, 403].includes(answer.statusCode)) return answer
      throw nameHelper(registryError(host, answer.statusCode, await readText(answer)), helperFailure)
    },
  }
}

/** A refusal with the failure of the helper that was to give a login, which is its likely cause. */
function nameHelper(error: unknown, helperFailure: string): unknown {
  const isRefusal = error instanceof EngineError && ['unauthorized', 'forbidden'].includes(error.code)
  if (!isRefusal || helperFailure === '') return error
  return new EngineError(error.code, 'credentials.helper-failed', `${error.message}; ${helperFailure}`, {
    cause: error,
    ...(error.details ? { details: error.details } : {}),
  })
}

/** As with docker, this machine's own registries and those set as insecure need no certificate that holds. */
function trustOf({ host, insecure, certificates }: SessionOptions): TlsTrust {
  const isUnverified = insecure.includes(host) || isLoopback(new URL(`https://${host}`).hostname)
  return { ...certificates, isUnverified }
}

/** `https`, and plain `http` for this machine or a registry set as insecure when it does not speak TLS. */
async function findEndpoint(options: SessionOptions, signal: AbortSignal): Promise<URL> {
  const { transport, host, insecure, endpoint } = options
  if (endpoint) return endpoint
  const secure = new URL(`https://${host === HUB ? HUB_ENDPOINT : host}`)
  if (!isLoopback(secure.hostname) && !insecure.includes(host)) return secure
  const plain = new URL(`http://${host}`)
  let failure: unknown
  for (const url of [secure, plain]) {
    try {
      const tls = trustOf(options)
      const response = await transport.send({
        method: 'GET',
        url: new URL('/v2/', url),
        signal,
        ...(url === secure ? { attempts: 1 } : {}),
        tls,
      })
      await response.body.dump()
      // A server that wants TLS answers plain requests with 400.
      if (response.statusCode !== 400) return url
    } catch (error) {
      signal.throwIfAborted()
      if (url === plain) throw error
      failure = error
    }
  }
  // It speaks TLS after all: what that failed with is what is wrong.
  if (failure) throw failure
  return plain
}

async function meetChallenge(
  options: SessionOptions,
  {
    challenge,
    origin,
    signal,
    credentials,
  }: { challenge: Challenge; origin: URL; signal: AbortSignal; credentials: Credentials | null },
): Promise<string> {
  const basic =
    credentials && 'username' in credentials
      ? `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
      : null
  if (challenge.scheme === 'basic') {
    if (basic) return basic
    throw new EngineError(
      'unauthorized',
      'registry.login-needed',
      `${options.host} wants a login: no basic auth credentials`,
    )
  }
  const realm = readRealm(challenge.realm, origin, options.host)
  const scopes = new Set([...challenge.scope.split(' ').filter(Boolean), ...options.scopes])
  const query = new URLSearchParams({ ...(challenge.service ? { service: challenge.service } : {}) })
  for (const scope of scopes) query.append('scope', scope)
  const response =
    credentials && 'identityToken' in credentials
      ? await postForToken(options, { realm, query, refreshToken: credentials.identityToken, signal })
      : await options.transport.send({
          method: 'GET',
          url: new URL(`${realm.href}${realm.search ? '&' : '?'}${query}`),
          headers: basic ? { authorization: basic } : {},
          signal,
        })
  const text = await readText(response)
  if (response.statusCode !== 200) throw registryError(options.host, response.statusCode, text)
  const answer = Token.safeParse(safeJson(text))
  const token = answer.success ? (answer.data.token ?? answer.data.access_token) : undefined
  if (!token || /[\r\n]/.test(token)) {
    throw new EngineError('unavailable', 'registry.bad-token', `the token server of ${options.host} gave no token`)
  }
  return `Bearer ${token}`
}

/** A token server may lie elsewhere, but is never spoken to less safely than the registry itself. */
function readRealm(text: string, origin: URL, host: string): URL {
  if (URL.canParse(text)) {
    const realm = new URL(text)
    const isSafe = realm.protocol === 'https:' || (origin.protocol === 'http:' && realm.hostname === origin.hostname)
    if (isSafe && realm.protocol.startsWith('http')) return realm
  }
  const named = JSON.stringify(text.slice(0, 200))
  throw new EngineError(
    'unavailable',
    'registry.bad-realm',
    `${host} names ${named} as its token server, which was refused`,
  )
}

function postForToken(
  { transport }: SessionOptions,
  {
    realm,
    query,
    refreshToken,
    signal,
  }: { realm: URL; query: URLSearchParams; refreshToken: string; signal: AbortSignal },
): Promise<RegistryResponse> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: 'slipway' })
  form.set('service', query.get('service') ?? '')
  form.set('scope', query.getAll('scope').join(' '))
  return transport.send({
    method: 'POST',
    url: realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    signal,
  })
}

/** A registry's refusal in its own words, with the code that clients look for. */
export function registryError(host: string, status: number, text: string): EngineError {
  const parsed = Errors.safeParse(safeJson(text))
  const [first] = parsed.success ? parsed.data.errors : []
  const said = first?.message || first?.code || text.trim().slice(0, 200) || `status ${status}`
  const code =
    status === 401
      ? 'unauthorized'
      : status === 403
        ? 'forbidden'
        : status === 404
          ? 'notFound'
          : status === 429 || status >= 500
            ? 'unavailable'
            : 'invalidArgument'
  const reason = status === 429 ? 'registry.rate-limited' : `registry.${code === 'notFound' ? 'not-found' : code}`
  return new EngineError(code, reason, `${host} answers ${status}: ${said}`, { details: { host, status } })
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
