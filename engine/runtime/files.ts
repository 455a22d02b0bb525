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

/** What `/etc/hosts` of a container follows from. */
export interface HostsInput {
  readonly hostname: string
  /** The container's own, one an endpoint and version. */
  readonly addresses: readonly string[]
  /** What `host-gateway` stands for. */
  readonly hostGateway: string
  /** Whether this machine has a name in it: not where nothing leads to it. */
  readonly hasHostName: boolean
  /** `NAME:ADDRESS` */
  readonly extraHosts: readonly string[]
  readonly links: readonly { readonly address: string; readonly names: readonly string[] }[]
}

/** `/etc/hosts` of a container, in Docker's order. */
export function buildHosts(input: HostsInput): string {
  const { hostname, addresses, hostGateway, hasHostName, extraHosts, links } = input
  const isNamed = extraHosts.some((entry) => entry.startsWith(`${HOST_NAME}:`))
  const extra = [...extraHosts, ...(hasHostName && !isNamed ? [`${HOST_NAME}:host-gateway`] : [])].map((entry) => {
    const { name, address } = parseExtraHost(entry)
    return `${address === 'host-gateway' ? hostGateway : address}\t${name}`
  })
  assertHostname(hostname)
  const bare = hostname.split('.')[0]
  const names = bare && bare !== hostname ? `${hostname} ${bare}` : hostname
  const own = addresses.map((address) => `${address}\t${names}`)
  const linked = links.map((link) => `${link.address}\t${[...new Set(link.names)].join(' ')}`)
  return `${[...LOCAL_HOSTS, ...extra, ...linked, ...own].join('\n')}\n`
}
const HOST_NAME = 'host.docker.internal'

/** Reads `NAME:ADDRESS` (or `NAME=ADDRESS`); anything that could make another line of the file is refused. */
export function parseExtraHost(entry: string): { readonly name: string; readonly address: string } {
  const cut = entry.search(/[:=]/)
  const [name, rest] = [entry.slice(0, cut), entry.slice(cut + 1)]
  const address = rest.replace(/^\[(.*)\]$/, '$1')
  if (cut > 0 && !/\s/.test(name) && (address === 'host-gateway' || isIPv4(address) || isIPv6(address)))
    return { name, address }
  throw new EngineError('invalidArgument', 'hosts.invalid', `extra host ${JSON.stringify(entry)} is not NAME:ADDRESS`)
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

/** What `/etc/resolv.conf` of a container follows from, beside the host's own. */
export interface ResolvInput {
  /** Stands in for the host's resolvers: the embedded DNS, or what rootless egress offers inside; `''` for none. */
  readonly nameserver: string
  readonly dns: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}
const PLAIN: ResolvInput = { nameserver: '', dns: [], search: [], options: [] }

/**
 * `/etc/resolv.conf` (IPv4): the host's without resolvers that a container cannot reach, or public ones when none is
 * left; with what was asked for the container laid over it.
 */
export function buildResolvConf(hostText: string, input: Partial<ResolvInput> = {}): string {
  const { nameserver, dns, search, options } = { ...PLAIN, ...input }
  const reachable = resolversOf(hostText).filter((address) => isIPv4(address) && !/^(127|0)\./.test(address))
  const fallback = reachable.length ? reachable : FALLBACK_RESOLVERS
  const isEmbedded = nameserver.startsWith('127.')
  const chosen = isEmbedded ? [nameserver] : dns.length ? dns : nameserver ? [nameserver] : fallback
  const lines = hostText.split('\n').map((line) => line.trim())
  const kept = (words: RegExp, own: readonly string[], word: string) => {
    if (own.length) return own.join('') === '.' ? [] : [`${word} ${own.join(' ')}`]
    return lines.filter((line) => words.test(line))
  }
  const optionLines = kept(/^options\s/, options, 'options')
  const hasDots = optionLines.some((line) => /\bndots:/.test(line))
  return `${[
    ...chosen.map((address) => `nameserver ${address}`),
    ...kept(/^(search|domain)\s/, search, 'search'),
    ...optionLines,
    ...(isEmbedded && !hasDots ? ['options ndots:0'] : []),
  ].join('\n')}\n`
}

/** Resolvers that a resolv.conf names. */
export function resolversOf(text: string): string[] {
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
}
