import { EngineError } from './errors.ts'

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i

/** What was typed as the address of a mirror, or null if it is none: a scheme, a host and nothing behind them. */
export function readMirror(typed: string): string | null {
  const url = URL.canParse(typed) ? new URL(typed) : null
  const isRoot = url && `${url.pathname}${url.search}${url.hash}${url.username}${url.password}` === '/'
  return isRoot && /^https?:$/.test(url.protocol) ? url.origin : null
}

/** What was typed as `host[:port]`, or null if it is none. */
export function readHost(typed: string): string | null {
  const port = Number(/:(\d+)$/.exec(typed)?.[1] ?? 1)
  return HOST.test(typed) && port > 0 && port < 65_536 ? typed.toLowerCase() : null
}

/** The host of a registry as it is kept; what is none is refused by name. */
export function assertHost(typed: string): string {
  const host = readHost(typed)
  if (host) return host
  throw new EngineError(
    'invalidArgument',
    'registry.bad-host',
    `${JSON.stringify(typed)} is no host of a registry; name the host and its port alone: registry.example:5000`,
    { details: { typed } },
  )
}
