import { isIPv4, isIPv6 } from 'node:net'
import { EngineError } from '../contract/errors.ts'

const FALLBACK_RESOLVERS = ['8.8.8.8', '8.8.4.4']
const LOCAL_HOSTS = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
]

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
  const { hostname, ipAddress } = input
  assertHostname(hostname)
  const bare = hostname.split('.')[0]
  const names = bare && bare !== hostname ? `${hostname} ${bare}` : hostname
  const own = ipAddress ? [`${ipAddress}\t${names}`] : []
  return `${[...LOCAL_HOSTS, ...extra, ...own].join('\n')}\n`
}

/** `/etc/hostname`. */
export function buildHostname(hostname: string): string {
  assertHostname(hostname)
  return `${hostname}\n`
}

/** Letters, digits, `.`, `_` and `-`, at most 64: what the kernel and the files take. */
export function assertHostname(hostname: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(hostname)) return
  throw new EngineError(
    'invalidArgument',
    'hostname.invalid',
    `invalid hostname: ${JSON.stringify(hostname.slice(0, 80))}`,
  )
}

/** Whether a resolv.conf names systemd-resolved's stub alone; `/run/systemd/resolve/resolv.conf` has the real ones. */
export function isStubResolver(hostText: string): boolean {
  const resolvers = resolversOf(hostText)
  return resolvers.length === 1 && resolvers[0] === '127.0.0.53'
}

/**
 * `/etc/resolv.conf` for the default bridge (IPv4): the host's without resolvers that a container cannot reach, or
 * public ones when none is left. `nameserver` stands in for them all: what rootless egress offers inside.
 */
export function buildResolvConf(hostText: string, nameserver = ''): string {
  const reachable = resolversOf(hostText).filter((address) => isIPv4(address) && !/^(127|0)\./.test(address))
  const chosen = nameserver ? [nameserver] : reachable.length ? reachable : FALLBACK_RESOLVERS
  const rest = hostText.split('\n').filter((line) => /^\s*(search|domain|options)\s/.test(line))
  return `${[...chosen.map((address) => `nameserver ${address}`), ...rest.map((line) => line.trim())].join('\n')}\n`
}

function resolversOf(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
}
