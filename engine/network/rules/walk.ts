import { lookUp, matches, type Packet, type Scope } from './match.ts'
import type { Chain, Json, Rule, RuleTree } from './parse.ts'

/*
 * Which rules the first packet of a connection would meet in one hook of the kernel, and what they would do to it. Base
 * chains are walked in the order of their priority; `accept` ends a chain and the next goes on, a drop is the end. A rule
 * that asks what we do not know is taken not to match, and noted.
 */

/** A rule by its place and its text. */
export interface FoundRule {
  /** `ip slipway-1a2b forward`, with `handle 18` where it is a rule and not a chain's policy. */
  readonly place: string
  readonly text: string
}
export interface Passage {
  readonly stoppedBy: FoundRule | null
  /** The packet as it comes out: a rule may have led it elsewhere. */
  readonly packet: Packet
  /** Rules that could decide, had we known what they ask for. */
  readonly unsure: readonly FoundRule[]
}

type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
type Decision = 'accept' | 'drop' | 'return' | 'none'

interface Walk {
  readonly tree: RuleTree
  /** Of the base chain: what translates addresses drops nothing, so that doubts about it do not matter. */
  type: string
  packet: Packet
  stoppedBy: FoundRule | null
  readonly unsure: FoundRule[]
}

/** Chains call each other no deeper than the kernel allows. */
const DEEPEST = 16

/** Sends a packet through a hook. `families`: whose chains are there, `ip` and `inet`, or `bridge`. */
export function passHook(tree: RuleTree, hook: Hook, packet: Packet, families: readonly string[]): Passage {
  const walk: Walk = { tree, type: '', packet, stoppedBy: null, unsure: [] }
  const chains = [...tree.chains.values()]
    .filter((chain) => chain.hook === hook && families.includes(chain.family))
    .toSorted((a, b) => a.priority - b.priority)
  for (const chain of chains) {
    walk.type = chain.type
    const decision = walkChain(walk, chain, 0)
    if (decision === 'drop') break
    if (decision === 'none' && chain.policy === 'drop') {
      walk.stoppedBy = { place: placeOf(chain), text: 'policy drop' }
      break
    }
  }
  return { stoppedBy: walk.stoppedBy, packet: walk.packet, unsure: walk.unsure }
}

/** Chains of a version of IP see packets beside those of `inet`. */
export const familiesOf = (packet: Packet): readonly string[] => [packet.family, 'inet']

function walkChain(walk: Walk, chain: Chain, depth: number): Decision {
  if (depth > DEEPEST) return 'none'
  for (const rule of chain.rules) {
    const decision = walkRule(walk, { chain, rule, depth })
    if (decision === 'return') return depth === 0 ? 'none' : 'return'
    if (decision !== 'none') return decision
  }
  return 'none'
}

interface At {
  readonly chain: Chain
  readonly rule: Rule
  readonly depth: number
}

function walkRule(walk: Walk, at: At): Decision {
  const { chain, rule } = at
  const scope: Scope = { tree: walk.tree, table: `${chain.family} ${chain.table}` }
  for (const statement of rule.statements) {
    const [[kind = '', body = null] = []] = Object.entries((statement ?? {}) as Record<string, Json>)
    if (kind === 'match') {
      const isMatch = matches(body, walk.packet, scope)
      if (isMatch) continue
      if (isMatch === undefined) doubt(walk, at)
      return 'none'
    }
    if (kind === 'xt') {
      doubt(walk, at)
      return 'none'
    }
    const decision = decide(walk, at, { kind, body, scope })
    if (decision !== 'none') return decision
  }
  return 'none'
}

function decide(walk: Walk, at: At, what: { kind: string; body: Json; scope: Scope }): Decision {
  const { kind, body, scope } = what
  switch (kind) {
    case 'accept':
    case 'masquerade':
    case 'snat':
      return 'accept'
    case 'return':
      return 'return'
    case 'drop':
    case 'reject':
      walk.stoppedBy = found(at.chain, at.rule)
      return 'drop'
    case 'jump':
    case 'goto':
      return enter(walk, at, { target: String((body as { target?: Json })?.target ?? ''), isGoto: kind === 'goto' })
    case 'vmap':
      return followMap(walk, at, { body, scope })
    case 'dnat':
      return translate(walk, { body, scope })
    default:
      return 'none'
  }
}

function enter(walk: Walk, { chain, depth }: At, { target, isGoto }: { target: string; isGoto: boolean }): Decision {
  const next = walk.tree.chains.get(`${chain.family} ${chain.table} ${target}`)
  if (!next) return 'none'
  const decision = walkChain(walk, next, depth + 1)
  // What a chain leaves undecided goes on after a jump, and is over after a goto.
  if (decision === 'return' || decision === 'none') return isGoto ? 'return' : 'none'
  return decision
}

function followMap(walk: Walk, at: At, { body, scope }: { body: Json; scope: Scope }): Decision {
  const { key, data } = body as { key: Json; data: Json }
  const verdict = lookUp(key, data, { packet: walk.packet, scope })
  if (verdict === undefined) doubt(walk, at)
  if (verdict === undefined || verdict === null) return 'none'
  const [[kind = '', inner = null] = []] = Object.entries(verdict as Record<string, Json>)
  return decide(walk, at, { kind, body: inner, scope })
}

/** Leads the packet to where a map says, or a fixed address. The first that does so decides for the connection. */
function translate(walk: Walk, { body, scope }: { body: Json; scope: Scope }): Decision {
  const { addr, port } = body as { addr?: Json; port?: Json }
  const { map } = (addr ?? {}) as { map?: { key: Json; data: Json } }
  const target = map ? lookUp(map.key, map.data, { packet: walk.packet, scope }) : addr
  if (target === undefined || target === null) return 'none'
  const { concat } = target as { concat?: readonly Json[] }
  const [address, mapped] = concat ?? [target, port]
  walk.packet = {
    ...walk.packet,
    destination: String(address),
    port: typeof mapped === 'number' ? mapped : walk.packet.port,
    isLocal: false,
    isTranslated: true,
  }
  return 'accept'
}

function doubt(walk: Walk, { chain, rule }: At): void {
  if (walk.type !== 'nat') walk.unsure.push(found(chain, rule))
}

const placeOf = ({ family, table, name }: Chain) => `${family} ${table} ${name}`
const found = (chain: Chain, { handle, text }: Rule): FoundRule => ({
  place: `${placeOf(chain)} handle ${handle}`,
  text,
})
