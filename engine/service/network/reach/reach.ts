import { EngineError } from '../../../contract/errors.ts'
import type { ReachAnswer, ReachBlock, ReachPort, ReachWay } from '../../../contract/reach.ts'
import type { Listener } from '../../../network/networks.ts'
import { parseRules } from '../../../network/rules/parse.ts'
import type { FoundRule } from '../../../network/rules/walk.ts'
import type { ServiceContext } from '../../context.ts'
import { hostGateway } from '../hosts.ts'
import { type Candidate, listCandidates } from './candidates.ts'
import { type End, findEnd, isSameNamespace } from './ends.ts'
import { judge, type ReachFacts } from './judge.ts'
import { namesOf, readHosts } from './names.ts'

/** Whether one container reaches another: by which name, address and port, and if not, what stops it. */
export async function describeReach(
  context: ServiceContext,
  input: { readonly from: string; readonly to: string },
): Promise<ReachAnswer> {
  const a = findEnd(context, input.from)
  const b = findEnd(context, input.to)
  if (a.record.id === b.record.id)
    throw new EngineError('invalidArgument', 'reach.same', `choose two containers: ${a.record.name} is both`)
  const facts = a.isRunning && b.isRunning ? await readFacts(context, a, b) : null
  const hosts = await readHosts(context, a)
  const unsure = new Map<string, FoundRule>()
  const found = facts ? judgeWays({ a, b, facts }, unsure) : idleWays(a, b)
  const ways = found.map(({ candidate, ...way }) => ({ ...way, names: namesOf(context, { a, b, candidate }, hosts) }))
  const canReach = ways.some(isOpen)
  return {
    from: endOf(a),
    to: endOf(b),
    canReach,
    // What is shut matters when nothing is open, and where the two meet on purpose.
    ways: ways
      .filter((way) => isOpen(way) || !canReach || way.kind === 'network')
      .toSorted((one, other) => Number(isOpen(other)) - Number(isOpen(one))),
    unsure: [...unsure.values()],
    unread: facts ? (['from', 'bridges', 'to'] as const).filter((place) => !facts[place].tree) : [],
    joins: canReach || isSameNamespace(a, b) ? [] : findJoins(a, b),
  }
}

const endOf = ({ record, isRunning }: End) => ({ id: record.id, name: record.name, isRunning })
/** Packets come through: to every port, or at least to one that somebody listens on. */
const isOpen = ({ block, ports }: Pick<ReachWay, 'block' | 'ports'>) =>
  ports.length > 0 ? ports.some((port) => !port.block) : !block

async function readFacts(context: ServiceContext, a: End, b: End): Promise<ReachFacts> {
  const machine = { isRootless: context.config.mode === 'rootless', hostAddress: hostGateway(context) }
  const addresses = [...new Set(listCandidates(a, b, machine).map(({ address }) => address))]
  const { inspection } = context.network
  const describe = (end: End, wanted: readonly string[]) =>
    inspection.describeNamespace({ process: end.record.state.init ?? { pid: 0, startTicks: 0 }, addresses: wanted })
  const [from, to, bridges] = await Promise.all([
    describe(a, addresses),
    describe(b, []),
    inspection.describeBridges({}),
  ])
  const withTree = <T extends { readonly rules: Parameters<typeof parseRules>[0] | null }>(read: T) => ({
    ...read,
    tree: read.rules && parseRules(read.rules),
  })
  return { ...machine, from: withTree(from), to: withTree(to), bridges: withTree(bridges) }
}

type Found = Omit<ReachWay, 'names'> & { readonly candidate: Candidate }
interface Question {
  readonly a: End
  readonly b: End
  readonly facts: ReachFacts
}

function judgeWays({ a, b, facts }: Question, unsure: Map<string, FoundRule>): Found[] {
  return listCandidates(a, b, facts).flatMap((candidate) => {
    const question = { a, b, candidate, facts }
    const whole = judge(question)
    const ports: ReachPort[] = []
    let { hops } = whole
    for (const port of portsOf(b, candidate, facts.to.listeners)) {
      const { block, isNowhere, unsure: doubts, hops: passed } = judge(question, port)
      if (isNowhere) continue
      if (passed.length > hops.length) hops = passed
      for (const rule of doubts) unsure.set(`${rule.place} ${rule.text}`, rule)
      ports.push({ ...port, block })
    }
    if (candidate.kind === 'published' && ports.length === 0) return []
    const { kind, address, target } = candidate
    // A rule that stops a published port is met after its translation, which a packet to no port has none of.
    const block =
      kind === 'published' ? (ports.every((port) => port.block) ? (ports[0]?.block ?? null) : null) : whole.block
    return [{ kind, network: target?.network.name ?? '', address, hops: [...hops], block, ports, candidate }]
  })
}

/** Ports to ask about: what listens at the address, and what was exposed or published and does not. */
function portsOf(b: End, { kind, address, published }: Candidate, listeners: readonly Listener[]) {
  const isAt = ({ address: at }: Listener, wanted: string) =>
    at === wanted || at === '::' || (at === '0.0.0.0' && !wanted.includes(':'))
  const place = (own: Listener) => kind === 'same' || isAt(own, address)
  if (published)
    return published.map(({ protocol, port, to }) => ({
      protocol,
      port,
      containerPort: to,
      isListening: listeners.some((one) => one.protocol === protocol && one.port === to && !isLoopback(one.address)),
    }))
  const open = listeners.filter(place).map(({ protocol, port }) => ({ protocol, port, isListening: true }))
  const meant = [...exposedOf(b), ...listeners.filter((own) => !place(own))].map(({ protocol, port }) => ({
    protocol,
    port,
    isListening: false,
  }))
  return [...open, ...meant]
    .filter(
      ({ protocol, port }, index, all) =>
        all.findIndex((one) => one.protocol === protocol && one.port === port) === index,
    )
    .map((one) => ({ ...one, containerPort: one.port }))
    .toSorted((one, other) => Number(other.isListening) - Number(one.isListening) || one.port - other.port)
}

const isLoopback = (address: string) => address === '::1' || address.startsWith('127.')

function exposedOf({ owner }: End): { protocol: 'tcp' | 'udp'; port: number }[] {
  return owner.config.exposedPorts.flatMap((text) => {
    const [port = '', protocol = 'tcp'] = text.split('/')
    return protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port: Number(port) } as const] : []
  })
}

/** While one of the two does not run nobody can be asked; networks in common are known all the same. */
function idleWays(a: End, b: End): Found[] {
  const { name } = (a.isRunning ? b : a).record
  const block: ReachBlock = { reason: 'not-running', place: a.isRunning ? 'to' : 'from', at: name, text: '' }
  return b.members
    .filter(({ network }) => a.members.some((member) => member.network.name === network.name))
    .map((target) => ({
      kind: 'network',
      network: target.network.name,
      address: '',
      hops: [],
      block,
      ports: [],
      candidate: { kind: 'network', address: '', target },
    }))
}

/** Networks of either that the other could be connected to; the default one, which gives no names, last. */
function findJoins(a: End, b: End): ReachAnswer['joins'] {
  const joins = (one: End, other: End) => {
    const { config, id, name } = other.owner
    if (other.isOnHost || config.network === 'none' || one.isOnHost) return []
    return one.members
      .filter(({ network }) => !other.members.some((member) => member.network.name === network.name))
      .map(({ network }) => ({ networkId: network.id, network: network.name, containerId: id, container: name }))
  }
  return [...joins(a, b), ...joins(b, a)].toSorted(
    (one, other) => Number(one.network === 'bridge') - Number(other.network === 'bridge'),
  )
}
