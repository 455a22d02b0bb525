import { describe, expect, it } from 'vitest'
import { allRules, rulesAbout } from '../../../engine/network/rules/about.ts'
import { parseRules } from '../../../engine/network/rules/parse.ts'
import { printRules } from '../../../renderer/features/topology/shell-text.tsx'

const chain = (table: string, name: string, more: object = {}) => ({ chain: { family: 'ip', table, name, ...more } })
const rule = (table: string, chainName: string, handle: number) => ({
  rule: { family: 'ip', table, chain: chainName, handle, expr: [] },
})
const json = JSON.stringify({
  nftables: [
    { set: { family: 'ip', table: 'ours', name: 'bridges', elem: ['br-1', 'br-10'] } },
    {
      set: {
        ...{ family: 'ip', table: 'ours', name: 'subnets' },
        elem: [
          { concat: ['br-1', { prefix: { addr: '10.0.0.0', len: 24 } }] },
          { concat: ['br-10', { prefix: { addr: '10.0.1.0', len: 24 } }] },
        ],
      },
    },
    {
      map: {
        ...{ family: 'ip', table: 'ours', name: 'published' },
        elem: [
          [{ concat: ['tcp', 8080] }, { concat: ['10.0.0.2', 80] }],
          [{ concat: ['tcp', 8081] }, { concat: ['10.0.0.20', 80] }],
        ],
      },
    },
    {
      set: { family: 'ip', table: 'count', name: 'to4', elem: [{ elem: { val: '10.0.0.2', counter: { bytes: 1 } } }] },
    },
    chain('ours', 'forward', { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' }),
    chain('ours', 'in'),
    chain('filter', 'FORWARD', { type: 'filter', hook: 'forward', prio: 0, policy: 'drop' }),
    rule('ours', 'forward', 1),
    rule('ours', 'forward', 2),
    rule('ours', 'in', 3),
    rule('filter', 'FORWARD', 4),
    rule('filter', 'FORWARD', 5),
  ],
})
const text = `table ip ours { # handle 1
\tchain forward { # handle 1
\t\toifname @bridges drop # handle 1
\t\tct state established accept # handle 2
\t}
\tchain in { # handle 2
\t\tdnat ip to meta l4proto . th dport map @published # handle 3
\t}
}
table ip filter { # handle 2
\tchain FORWARD { # handle 1
\t\toifname "br-1" accept # handle 4
\t\toifname "br-10" accept # handle 5
\t}
}
`
const tree = parseRules({ json, text }) ?? expect.fail('the rules were not read')

describe('the rules about something', () => {
  it('are those that name it, elements of sets that do, and rules that look into such a set', () => {
    expect(printRules(rulesAbout(tree, ['br-1', '10.0.0.0/24', '']))).toBe(`table ip ours {
  set bridges {
    elements = { br-1 }
  }
  set subnets {
    elements = { br-1 . 10.0.0.0/24 }
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    oifname @bridges drop
  }
}
table ip filter {
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
    oifname "br-1" accept
  }
}`)
  })

  it('of an address are not those of another that begins alike', () => {
    const found = rulesAbout(tree, ['10.0.0.2'])
    expect(found.map(({ name, lines }) => `${name}: ${lines}`)).toEqual([
      'published: tcp . 8080 : 10.0.0.2 . 80',
      'to4: 10.0.0.2',
      'in: dnat ip to meta l4proto . th dport map @published',
    ])
  })

  it('are none about nothing, and all of a namespace where all are wanted', () => {
    expect(rulesAbout(tree, ['', ''])).toEqual([])
    expect(allRules(tree).flatMap(({ lines }) => lines)).toHaveLength(5)
  })
})
