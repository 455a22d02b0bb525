import { readFileSync, readlinkSync } from 'node:fs'
import { EngineError } from '../../../contract/errors.ts'
import type { ProcessRef } from '../../../host/host.ts'
import type { BridgeFacts, BridgePort, NamespaceFacts, RouteAnswer, RulesText } from '../../../host/inspection.ts'
import { run } from '../../exec.ts'
import { isAlive } from '../../libc/process.ts'
import { findListeners } from './sockets.ts'

/** A host with many rules of other programs prints megabytes. */
const RULES_BYTES = 32 * 1024 * 1024
/** The embedded DNS, which listens in every container on a user-defined network. */
const OWN_LISTENER = '127.0.0.11'
const BRIDGE_NETFILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables'

/** argv that enters a process's network namespace; none where this process is in it already, and may not be let in again. */
export function enterArgv(process: ProcessRef): string[] {
  const path = netnsOf(process)
  return isOwnNamespace(path) ? [] : ['nsenter', `--net=${path}`]
}

/** The file of a living process's namespace; a process that is gone is `probe.not-running`. */
export function netnsOf(process: ProcessRef): string {
  if (isAlive(process)) return `/proc/${process.pid}/ns/net`
  throw new EngineError('conflict', 'probe.not-running', 'the container does not run any more')
}

/** Whether a namespace is the one that this process is in. */
export const isOwnNamespace = (path: string): boolean => readlinkSync(path) === readlinkSync('/proc/self/ns/net')

/** What listens in a process's namespace, where it would send packets, and its rules. */
export async function describeNamespace(params: {
  readonly process: ProcessRef
  readonly addresses: readonly string[]
}): Promise<NamespaceFacts> {
  const prefix = enterArgv(params.process)
  const [rules, ...routes] = await Promise.all([
    readRules(prefix),
    ...params.addresses.map((address) => findRoute(prefix, address)),
  ])
  return { listeners: listListeners(params.process.pid), routes, rules }
}

/** The ports of bridges in a namespace, and its rules. */
export async function describeBridges(prefix: readonly string[]): Promise<BridgeFacts> {
  const [rules, links, netfilter] = await Promise.all([
    readRules(prefix),
    run([...prefix, 'bridge', '-json', '-details', 'link', 'show'], { captureBytes: RULES_BYTES }),
    run([...prefix, 'cat', BRIDGE_NETFILTER], { okExitCodes: 'any' }),
  ])
  return { rules, ports: parsePorts(links.stdout), hasBridgeNetfilter: netfilter.stdout.trim() === '1' }
}

function parsePorts(json: string): BridgePort[] {
  const links = JSON.parse(json || '[]') as { ifname: string; master?: string; isolated?: boolean }[]
  return links.map(({ ifname, master = '', isolated = false }) => ({
    interface: ifname,
    bridge: master,
    isIsolated: isolated,
  }))
}

/** All rules twice: nft prints either JSON or what people write. */
async function readRules(prefix: readonly string[]): Promise<RulesText | null> {
  const list = (...options: string[]) =>
    run([...prefix, 'nft', ...options, 'list', 'ruleset'], { okExitCodes: 'any', captureBytes: RULES_BYTES })
  const [json, text] = await Promise.all([list('--json'), list('--handle')])
  return json.exitCode === 0 && text.exitCode === 0 ? { json: json.stdout, text: text.stdout } : null
}

async function findRoute(prefix: readonly string[], address: string): Promise<RouteAnswer> {
  const { exitCode, stdout, stderr } = await run([...prefix, 'ip', '-json', 'route', 'get', address], {
    okExitCodes: 'any',
  })
  if (exitCode !== 0) return { address, device: '', source: '', gateway: '', error: stderr.trim() }
  const [route] = JSON.parse(stdout || '[]') as { dev?: string; prefsrc?: string; gateway?: string }[]
  return { address, device: route?.dev ?? '', source: route?.prefsrc ?? '', gateway: route?.gateway ?? '', error: '' }
}

function listListeners(pid: number) {
  return (['tcp', 'udp'] as const)
    .flatMap((protocol) =>
      [protocol, `${protocol}6`].flatMap((name) => findListeners(protocol, readText(`/proc/${pid}/net/${name}`))),
    )
    .filter(({ address }) => address !== OWN_LISTENER)
}

/** A file of `/proc`; nothing when the process has gone. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
