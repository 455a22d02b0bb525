import { isIPv4, isIPv6 } from 'node:net'
import { EngineError } from '../contract/errors.ts'

const FALLBACK_RESOLVERS = ['8.8.8.8', '8.8.4.4']
/** The resolver that slirp4netns and pasta offer inside. */
const SLIRP_RESOLVER = '10.0.2.3'

/** `/etc/hosts` of a container on a bridge, in Docker's order. */
export function buildHosts(input: {
  readonly hostname: string
  readonly ipAddress: string
  readonly gateway: string
  readonly extraHosts: readonly string[]
}): string {
  const extra = input.extraHosts.map((entry) => {
    const cut = entry.indexOf(':')
    const [name, address] = [entry.slice(0, cut), entry.slice(cut + 1)]
    const ip = address === 'host-gateway' ? input.gateway : address.replace(/^\[(.*)\]$/, '$1')
    if (cut <= 0 || /\s/.test(name) || !(isIPv4(ip) || isIPv6(ip))) {
      throw new EngineError(
        'invalidArgument',
        'hosts.invalid',
        `extra host ${JSON.stringify(entry)} is not NAME:ADDRESS`,
      )
    }
    return `${ip}\t${name}`
  })
  const own = input.ipAddress ? [`${input.ipAddress}\t${input.hostname}`] : []
  return `${['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', ...extra, ...own].join('\n')}\n`
}

/** `/etc/resolv.conf`: the host's without loopback resolvers, which a container cannot reach. */
export function buildResolvConf(hostText: string, rootless: boolean): string {
  const lines = hostText.split('\n').filter((line) => /^\s*(nameserver|search|options)\s/.test(line))
  const resolvers = lines.filter((line) => /^\s*nameserver/.test(line)).map((line) => line.trim().split(/\s+/)[1] ?? '')
  const reachable = resolvers.filter((address) => !address.startsWith('127.') && address !== '::1')
  const chosen = rootless ? [SLIRP_RESOLVER] : reachable.length ? reachable : FALLBACK_RESOLVERS
  const rest = lines.filter((line) => !/^\s*nameserver/.test(line))
  return `${[...chosen.map((address) => `nameserver ${address}`), ...rest].join('\n')}\n`
}
