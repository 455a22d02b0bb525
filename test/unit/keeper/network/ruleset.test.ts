import { describe, expect, it } from 'vitest'
import {
  bridgeElements,
  changeElements,
  compareElements,
  joinElements,
  publicationElements,
  renderTable,
} from '../../../../engine/keeper/network/ruleset.ts'

const bridge = {
  bridge: 'br-1',
  subnets: ['172.30.0.0/24', 'fd00:1::/64'],
  masquerade: true,
  isInternal: false,
  isOpenWithin: true,
}
const port = {
  protocol: 'tcp',
  hostIp: '0.0.0.0',
  hostPort: 80,
  containerIp: '172.30.0.2',
  containerPort: 8080,
} as const

describe('the rules of a bridge', () => {
  it('name the subnet of their own family alone', () => {
    expect(bridgeElements('ip', bridge)['masqueraded']).toEqual(['172.30.0.0/24'])
    expect(bridgeElements('ip6', bridge)['masqueraded']).toEqual(['fd00:1::/64'])
  })

  it('masquerade nothing when it is internal', () => {
    expect(bridgeElements('ip', { ...bridge, isInternal: true })).toMatchObject({
      masqueraded: [],
      internal: ['"br-1"'],
    })
  })

  it('leave out the way within when containers shall not reach each other', () => {
    expect(bridgeElements('ip', { ...bridge, isOpenWithin: false })['within']).toEqual([])
  })
})

describe('the rules of a gateway mode', () => {
  it('translate nothing on a routed network, whose published ports are open at the container’s address', () => {
    const routed = { ...bridge, gatewayModes: { ip: 'routed', ip6: 'nat-unprotected' } } as const
    expect(bridgeElements('ip', routed)).toMatchObject({ masqueraded: [], routed: ['"br-1"'], open: [] })
    expect(bridgeElements('ip6', routed)).toMatchObject({ masqueraded: ['fd00:1::/64'], routed: [], open: ['"br-1"'] })
    expect(publicationElements('ip', { ...port, hostIp: '', isRouted: true })).toEqual({
      routed_ports: ['172.30.0.2 . tcp . 8080'],
    })
  })
})

describe('a change of published ports', () => {
  it('takes away what goes, adds what comes, and does both where a port leads elsewhere', () => {
    const before = joinElements([80, 81].map((hostPort) => publicationElements('ip', { ...port, hostPort })))
    const after = joinElements([
      publicationElements('ip', { ...port, containerPort: 9 }),
      publicationElements('ip', { ...port, hostPort: 82 }),
    ])
    expect(compareElements(before, after)).toEqual({
      gone: { published: ['tcp . 80 : 172.30.0.2 . 8080', 'tcp . 81 : 172.30.0.2 . 8080'] },
      fresh: { published: ['tcp . 80 : 172.30.0.2 . 9', 'tcp . 82 : 172.30.0.2 . 8080'] },
    })
    expect(compareElements(before, before)).toEqual({ gone: { published: [] }, fresh: { published: [] } })
  })
})

describe('the rules of a published port', () => {
  it('are one element: of one map for every address, of another for one address', () => {
    expect(publicationElements('ip', port)).toEqual({ published: ['tcp . 80 : 172.30.0.2 . 8080'] })
    expect(publicationElements('ip', { ...port, hostIp: '127.0.0.1' })).toEqual({
      published_at: ['127.0.0.1 . tcp . 80 : 172.30.0.2 . 8080'],
    })
  })

  it('are none where host and container speak different families: the proxy serves those', () => {
    expect(publicationElements('ip', { ...port, hostIp: '::' })).toEqual({})
    expect(publicationElements('ip6', port)).toEqual({})
  })

  it('are deleted by their key', () => {
    expect(changeElements('delete', 'ip', 't', publicationElements('ip', port))).toEqual([
      'delete element ip t published { tcp . 80 }',
    ])
  })

  it('stay in one command however many they are', () => {
    const publications = Array.from({ length: 100 }, (_, index) => ({ ...port, hostPort: 8000 + index }))
    const text = renderTable('ip', 't', { bridges: [bridge], publications })
    expect(text.match(/add element ip t published /g)).toHaveLength(1)
  })
})
