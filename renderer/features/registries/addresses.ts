const HUB = 'docker.io'
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i

/** A mirror of a registry, as the engine keeps it. */
interface Mirror {
  readonly host: string
  readonly url: string
}

/** Addresses of the mirrors of Docker Hub, in the order in which they are asked. */
export const hubMirrors = (mirrors: readonly Mirror[]): readonly string[] =>
  mirrors.filter(({ host }) => host === HUB).map(({ url }) => url)

/** The Hub's mirrors replaced; those of other registries stay as they are. */
export const withHubMirrors = (mirrors: readonly Mirror[], urls: readonly string[]): Mirror[] => [
  ...mirrors.filter(({ host }) => host !== HUB),
  ...urls.map((url) => ({ host: HUB, url })),
]

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
