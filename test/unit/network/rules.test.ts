import { describe, expect, it } from 'vitest'
import type { Packet } from '../../../engine/network/rules/match.ts'
import { type Json, parseRules, type RuleTree } from '../../../engine/network/rules/parse.ts'
import { familiesOf, passHook } from '../../../engine/network/rules/walk.ts'

const T = { family: 'ip', table: 't' }
const base = (name: string, hook: string, more: object = {}) => ({
  chain: { ...T, name, hook, type: 'filter', prio: 0, policy: 'accept', ...more },
})
const rule = (chain: string, handle: number, expr: Json[]) => ({ rule: { ...T, chain, handle, expr } })
const match = (left: Json, right: Json, op = '=='): Json => ({ match: { op, left, right } })
const meta = (key: string): Json => ({ meta: { key } })
const field = (protocol: string, name: string): Json => ({ payload: { protocol, field: name } })
const bridges = { set: { ...T, name: 'bridges', elem: ['br1', 'br2'] } }
const read = (items: object[], text = ''): RuleTree => {
  const tree = parseRules({ json: JSON.stringify({ nftables: items }), text })
  if (!tree) throw new Error('unread')
  return tree
}
const packet = (more: Partial<Packet> = {}): Packet => ({
  family: 'ip',
  protocol: 'tcp',
  source: '10.0.0.2',
  destination: '10.1.0.2',
  port: 80,
  inInterface: 'br1',
  outInterface: 'br2',
  isLocal: false,
  isTranslated: false,
  ...more,
})
const stoppedBy = (items: object[], more: Partial<Packet> = {}, hook: 'forward' | 'input' = 'forward') =>
  passHook(read(items), hook, packet(more), ['ip', 'inet']).stoppedBy?.place ?? 'none'

it('rules that were cut off count as not read', () => {
  expect(parseRules({ json: '{"nftables":[{"chain":', text: '' })).toBeNull()
  expect(parseRules({ json: '', text: '' })?.chains.size).toBe(0)
})

describe('rules and a packet', () => {
  it('names the rule that drops it, in the words of nft', () => {
    const text = 'table ip t { # handle 1\n\tchain f { # handle 3\n\t\toifname @bridges drop # handle 18\n\t}\n}\n'
    const items = [bridges, base('f', 'forward'), rule('f', 18, [match(meta('oifname'), '@bridges'), { drop: null }])]
    const { stoppedBy: by } = passHook(read(items, text), 'forward', packet(), familiesOf(packet()))
    expect(by).toEqual({ place: 'ip t f handle 18', text: 'oifname @bridges drop' })
    expect(stoppedBy(items, { outInterface: 'eth0' })).toBe('none')
    expect(stoppedBy(items, {}, 'input')).toBe('none')
  })

  it('compares addresses, prefixes, ranges, wildcards, joined values and boxed elements', () => {
    const drops = (statement: Json) =>
      stoppedBy([bridges, base('f', 'forward'), rule('f', 1, [statement, { drop: null }])]) !== 'none'
    const destination = field('ip', 'daddr')
    expect(drops(match(destination, { prefix: { addr: '10.1.0.0', len: 16 } }))).toBe(true)
    expect(drops(match(destination, { prefix: { addr: '10.2.0.0', len: 16 } }))).toBe(false)
    expect(drops(match(destination, { set: [{ range: ['10.1.0.0', '10.1.0.9'] }] }))).toBe(true)
    expect(drops(match(meta('iifname'), 'br*'))).toBe(true)
    expect(drops(match(meta('iifname'), 'br1', '!='))).toBe(false)
    expect(drops(match(field('tcp', 'dport'), { set: [{ elem: { val: 80, timeout: 5 } }] }))).toBe(true)
    expect(drops(match(field('udp', 'dport'), 80))).toBe(false)
    expect(drops(match(field('ip6', 'daddr'), 'fd00::1'))).toBe(false)
    expect(drops(match(field('tcp', 'dport'), 1024, '<'))).toBe(true)
    const pair: Json = { concat: [meta('iifname'), meta('oifname')] }
    expect(drops(match(pair, { set: [{ concat: ['br1', 'br2'] }] }))).toBe(true)
    expect(drops(match({ ct: { key: 'state' } }, ['established', 'related'], 'in'))).toBe(false)
  })

  it('goes on to the next chain after accept, follows jumps and verdict maps, and ends with the policy', () => {
    const early = base('early', 'forward', { prio: -10 })
    expect(stoppedBy([early, base('late', 'forward', { policy: 'drop' }), rule('early', 1, [{ accept: null }])])).toBe(
      'ip t late',
    )
    const side = { chain: { ...T, name: 'side' } }
    const jump = [early, side, rule('early', 1, [{ jump: { target: 'side' } }]), rule('early', 2, [{ drop: null }])]
    expect(stoppedBy([...jump, rule('side', 3, [{ return: null }])])).toBe('ip t early handle 2')
    expect(stoppedBy([...jump, rule('side', 3, [{ reject: null }])])).toBe('ip t side handle 3')
    const data: Json = { set: [['br1', { goto: { target: 'side' } }]] }
    const map = [
      early,
      side,
      rule('early', 1, [{ vmap: { key: meta('iifname'), data } }]),
      rule('early', 2, [{ drop: null }]),
    ]
    expect(stoppedBy([...map, rule('side', 3, [{ counter: null }])])).toBe('none')
    expect(stoppedBy(map, { inInterface: 'br9' })).toBe('ip t early handle 2')
  })

  it('leads a packet where a map of ports says, and only one for this machine', () => {
    const key: Json = { concat: [meta('l4proto'), field('th', 'dport')] }
    const items = [
      { map: { ...T, name: 'published', elem: [[{ concat: ['tcp', 8080] }, { concat: ['10.1.0.2', 80] }]] } },
      base('pre', 'prerouting', { type: 'nat' }),
      rule('pre', 1, [
        match({ fib: { result: 'type', flags: ['daddr'] } }, 'local'),
        { dnat: { family: 'ip', addr: { map: { key, data: '@published' } } } },
      ]),
    ]
    const pass = (more: Partial<Packet>) => passHook(read(items), 'prerouting', packet(more), ['ip']).packet
    expect(pass({ isLocal: true, port: 8080 })).toMatchObject({ destination: '10.1.0.2', port: 80, isTranslated: true })
    expect(pass({ isLocal: true, port: 81 })).toMatchObject({ port: 81, isTranslated: false })
    expect(pass({ port: 8080 })).toMatchObject({ isTranslated: false })
  })

  it('is not stopped by what asks the unknown, which is told', () => {
    const items = [
      base('f', 'forward'),
      rule('f', 1, [match(meta('mark'), 1), { drop: null }]),
      rule('f', 2, [{ xt: null }, { drop: null }]),
    ]
    const { stoppedBy: by, unsure } = passHook(read(items), 'forward', packet(), ['ip'])
    expect(by).toBeNull()
    expect(unsure.map(({ place }) => place)).toEqual(['ip t f handle 1', 'ip t f handle 2'])
  })
})
