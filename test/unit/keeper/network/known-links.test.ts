import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { BridgeNetworkParams, SandboxEndpoint } from '../../../../engine/host/network.ts'
import {
  createKnownLinks,
  withEndpoint,
  withoutEndpoint,
} from '../../../../engine/keeper/network/sandbox/known-links.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'slk-'))
afterAll(() => rmSync(folder, { recursive: true }))

const params = (bridge: string): BridgeNetworkParams => ({
  bridge,
  addresses: ['10.5.0.1/24'],
  subnets: ['10.5.0.0/24'],
  mtu: 1500,
  masquerade: true,
  isInternal: false,
  isOpenWithin: true,
  gatewayModes: { ip: 'nat', ip6: 'nat' },
})
const endpoint = (link: string, number: number, routes: string[] = []): SandboxEndpoint => ({
  kind: 'bridge',
  link,
  mode: '',
  hostInterface: `veth${link}${number}`,
  containerInterface: `eth${number}`,
  macAddress: '02:42:0a:05:00:02',
  addresses: ['10.5.0.2/24'],
  routes,
  mtu: 1500,
  isIsolated: false,
})
const made = { mac: '02:42:00:00:00:01', isOurs: true }
const open = () => createKnownLinks(folder, (id) => `/netns/${id}`)

describe('what the keeper has made', () => {
  it('is known to the next one, and forgotten with what it was', async () => {
    const first = open()
    for (const bridge of ['br1', 'br2']) first.setBridge(params(bridge), made)
    first.setContainer('c', { endpoints: [endpoint('br1', 0)], routes: ['default via 10.5.0.1'] })
    const next = open()
    expect((await next.restore()).map(({ bridge }) => bridge).sort()).toEqual(['br1', 'br2'])
    expect(next.bridge('br1')).toEqual({ params: params('br1'), ...made })
    expect(next.placesOn('br1')).toEqual([
      { netnsPath: '/netns/c', endpoint: endpoint('br1', 0), routes: ['default via 10.5.0.1'] },
    ])
    next.forgetContainer('c')
    for (const bridge of ['br1', 'br2']) next.forgetBridge(bridge)
    expect(['bridges', 'endpoints'].flatMap((name) => readdirSync(path.join(folder, name)))).toEqual([])
  })

  it('names the bridges that lost interfaces are about, and none for those of others', () => {
    const known = open()
    for (const bridge of ['br1', 'br2']) known.setBridge(params(bridge), made)
    known.setContainer('c', { endpoints: [endpoint('br1', 0), endpoint('br2', 1)], routes: [] })
    expect(known.concerned(['vethbr21'])).toEqual(['br2'])
    expect(known.concerned(['br1'])).toEqual(['br1'])
    expect(known.concerned(['docker0', 'veth1234'])).toEqual([])
    expect(known.concerned([''])).toEqual(['br1', 'br2'])
  })
})

describe('default routes of a container', () => {
  const one = { endpoints: [endpoint('br1', 0)], routes: ['default via 10.5.0.1', 'default via fd05::1'] }
  it('are those of the newest interface, each version for itself', () => {
    const { routes } = withEndpoint(one, endpoint('br2', 1, ['default via 10.6.0.1']))
    expect(routes).toEqual(['default via fd05::1', 'default via 10.6.0.1'])
  })

  it('are those that remain when an interface goes', () => {
    const two = withEndpoint(one, endpoint('br2', 1, ['default via 10.6.0.1']))
    const left = withoutEndpoint(two, { containerInterface: 'eth1', routes: ['default via 10.5.0.1'] })
    expect(left).toEqual({ endpoints: one.endpoints, routes: ['default via 10.5.0.1'] })
  })
})
