import { isIPv6 } from 'node:net'
import type { ReachBlock } from '../../../contract/reach.ts'
import { hostInterfaceName } from '../../../network/bridge.ts'
import { modeOf } from '../../../network/child-link.ts'
import { isBridged } from '../../../network/driver.ts'
import type { BridgeFacts, NamespaceFacts } from '../../../network/networks.ts'
import type { Packet } from '../../../network/rules/match.ts'
import type { RuleTree } from '../../../network/rules/parse.ts'
import { type FoundRule, familiesOf, passHook } from '../../../network/rules/walk.ts'
import type { Candidate, MachineView } from './candidates.ts'
import type { End } from './ends.ts'

/*
 * The way of a connection's first packet, each step by what was read there:
 *
 *   first container   its route, then its rules (output)
 *   bridges           one bridge: are its ports isolated, rules for frames, rules for packets if br_netfilter is on
 *                     two bridges or a published port: prerouting (address translation), forward
 *                     the host itself: prerouting, input
 *   second container  its rules (input)
 */

/** Everything that was read for one question; `null` rules could not be read. */
export interface ReachFacts extends MachineView {
  readonly from: NamespaceFacts & { readonly tree: RuleTree | null }
  readonly to: NamespaceFacts & { readonly tree: RuleTree | null }
  readonly bridges: BridgeFacts & { readonly tree: RuleTree | null }
}
export interface Judgement {
  readonly block: ReachBlock | null
  readonly hops: readonly string[]
  readonly unsure: readonly FoundRule[]
  /** No rule leads the host's address to the container, and nobody else does. */
  readonly isNowhere: boolean
}

interface Journey {
  packet: Packet
  block: ReachBlock | null
  readonly hops: string[]
  readonly unsure: FoundRule[]
}
interface Question {
  readonly a: End
  readonly b: End
  readonly candidate: Candidate
  readonly facts: ReachFacts
}

/** Follows a packet to one port of a way, or to no port in particular. */
export function judge(question: Question, port?: { protocol: 'tcp' | 'udp'; port: number }): Judgement {
  const { candidate, facts, a } = question
  const route = facts.from.routes.find(({ address }) => address === candidate.address)
  const journey: Journey = { packet: firstPacket(question, port), block: null, hops: [], unsure: [] }
  const over = (isNowhere = false): Judgement => ({ ...journey, isNowhere })
  if (!route || route.error) {
    journey.block = noRoute(candidate.address, route?.error ?? '')
    return over()
  }
  journey.packet = { ...journey.packet, source: route.source, outInterface: route.device }
  journey.hops.push(route.device)
  if (!pass(journey, { tree: facts.from.tree, hook: 'output', place: 'from' })) return over()
  if (candidate.kind === 'same') return over()
  const isThrough = a.isOnHost || cross(journey, question, route.device)
  if (!isThrough) return over()
  if (candidate.kind === 'published' && !journey.packet.isTranslated) return over(facts.isRootless && !a.isOnHost)
  if (candidate.kind !== 'host') arrive(journey, question)
  return over()
}

function firstPacket({ candidate, a }: Question, port?: { protocol: 'tcp' | 'udp'; port: number }): Packet {
  return {
    family: isIPv6(candidate.address) ? 'ip6' : 'ip',
    protocol: port?.protocol ?? 'tcp',
    port: port?.port,
    source: '',
    destination: candidate.address,
    inInterface: '',
    outInterface: '',
    isLocal: candidate.kind === 'same' || (a.isOnHost && candidate.kind === 'published'),
    isTranslated: false,
  }
}

const noRoute = (address: string, error: string): ReachBlock => ({
  reason: 'no-route',
  place: 'from',
  at: `ip route get ${address}`,
  text: error.replace(/^RTNETLINK answers: /, '') || 'no route',
})

interface Pass {
  readonly tree: RuleTree | null
  readonly hook: Parameters<typeof passHook>[1]
  readonly place: ReachBlock['place']
  readonly families?: readonly string[]
}

/** Sends the packet through a hook; false when a rule stops it there. Rules that could not be read stop nothing. */
function pass(journey: Journey, { tree, hook, place, families = familiesOf(journey.packet) }: Pass): boolean {
  if (!tree) return true
  const { stoppedBy, packet, unsure } = passHook(tree, hook, journey.packet, families)
  journey.packet = packet
  journey.unsure.push(...unsure)
  if (stoppedBy) journey.block = { reason: 'rule', place, at: stoppedBy.place, text: stoppedBy.text }
  return !stoppedBy
}

/** From the first container's interface to where its packets leave the namespace of the bridges. */
function cross(journey: Journey, question: Question, device: string): boolean {
  const { a, candidate } = question
  const via = a.members.find(({ endpoint }) => endpoint.interface === device)
  if (!via) return true
  if (!isBridged(via.network)) return crossParent(journey, question)
  const veth = hostInterfaceName(a.owner.id, device)
  const bridge = via.network.interface
  journey.hops.push(veth, bridge)
  if (candidate.kind === 'network') return crossBridge(journey, question, { veth, bridge })
  return crossHost(journey, question, bridge)
}

/** Within one bridge frames go from port to port. */
function crossBridge(journey: Journey, { b, candidate, facts }: Question, at: { veth: string; bridge: string }) {
  const { ports, tree, hasBridgeNetfilter } = facts.bridges
  const other = hostInterfaceName(b.owner.id, candidate.target?.endpoint.interface ?? 'eth0')
  journey.hops.push(other)
  const isIsolated = (name: string) => ports.some((port) => port.interface === name && port.isIsolated)
  if (isIsolated(at.veth) && isIsolated(other)) {
    const show = `bridge -details link show master ${at.bridge}`
    const text = `${at.veth}: isolated on · ${other}: isolated on`
    journey.block = { reason: 'isolated', place: 'bridges', at: show, text }
    return false
  }
  const place = 'bridges'
  journey.packet = { ...journey.packet, inInterface: at.veth, outInterface: other }
  if (!pass(journey, { tree, hook: 'forward', place, families: ['bridge'] })) return false
  if (!hasBridgeNetfilter) return true
  journey.packet = { ...journey.packet, inInterface: at.bridge, outInterface: at.bridge }
  return pass(journey, { tree, hook: 'prerouting', place }) && pass(journey, { tree, hook: 'forward', place })
}

/** Through the machine: to another bridge, to a published port, or to the machine itself. */
function crossHost(journey: Journey, { b, candidate, facts }: Question, bridge: string): boolean {
  const { tree } = facts.bridges
  const place = 'bridges'
  const isLocal = candidate.kind === 'published' || (candidate.kind === 'host' && !facts.isRootless)
  journey.packet = { ...journey.packet, inInterface: bridge, outInterface: '', isLocal }
  if (!pass(journey, { tree, hook: 'prerouting', place })) return false
  const { isTranslated, destination } = journey.packet
  if (isLocal && !isTranslated) return pass(journey, { tree, hook: 'input', place })
  const target = b.members.find(({ endpoint }) =>
    [endpoint.ipAddress, endpoint.ipv6Address].some((address) => address === destination),
  )
  const out = target && isBridged(target.network) ? target.network.interface : ''
  if (out && out !== bridge) journey.hops.push(out)
  if (target) journey.hops.push(hostInterfaceName(b.owner.id, target.endpoint.interface))
  journey.packet = { ...journey.packet, outInterface: out }
  return pass(journey, { tree, hook: 'forward', place })
}

/** Children of one parent reach each other unless they are private. */
function crossParent(journey: Journey, { candidate }: Question): boolean {
  const network = candidate.target?.network
  if (candidate.kind !== 'network' || !network) return true
  journey.hops.push(network.interface)
  if (network.driver !== 'macvlan' || modeOf('macvlan', network) !== 'private') return true
  journey.block = {
    reason: 'isolated',
    place: 'bridges',
    at: `ip -details link show type macvlan`,
    text: 'macvlan mode private',
  }
  return false
}

function arrive(journey: Journey, { b, candidate, facts }: Question): void {
  const target = b.members.find(({ endpoint }) => endpoint.ipAddress === journey.packet.destination) ?? candidate.target
  const device = target?.endpoint.interface ?? 'eth0'
  journey.hops.push(device)
  journey.packet = { ...journey.packet, inInterface: device, outInterface: '', isLocal: true }
  pass(journey, { tree: facts.to.tree, hook: 'input', place: 'to' })
}
