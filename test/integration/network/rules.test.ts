import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CreateNetwork, type LiveRules } from '../../../engine/contract/network.ts'
import { atBridges } from '../../../renderer/features/topology/commands.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'

const context = { signal: new AbortController().signal }
let t: NetworkTest
beforeAll(async () => {
  t = await startNetworkTest()
})
afterAll(async () => {
  await t?.test.destroy()
})
const rulesOf = (of: 'network' | 'container', id: string) =>
  t.handlers().network.rules({ of, id }, context) as Promise<LiveRules>
const linesOf = ({ atBridges: groups }: LiveRules, name: string) =>
  groups?.find((group) => group.name === name)?.lines ?? []

describe('the rules about a network and a container', () => {
  it('are what the kernel has at this moment, whoever has made them', async () => {
    const { id } = await t
      .handlers()
      .network.create(CreateNetwork.parse({ name: 'shown', pools: [{ subnet: '10.213.9.0/24' }] }), context)
    const bridge = `br-${id.slice(0, 12)}`
    const web = await t.run({ name: 'web', network: 'shown', ports: [{ containerPort: 80, hostIp: '0.0.0.0' }] })
    const info = await t.handlers().system.info({}, context)
    const nft = (line: string) => execFileSync('sh', ['-c', `${atBridges(info)}nft ${line}`]).toString()

    const network = await rulesOf('network', 'shown')
    expect(linesOf(network, 'bridges')).toEqual([bridge])
    expect(linesOf(network, 'masqueraded')).toEqual(['10.213.9.0/24'])
    expect(linesOf(network, 'forward')).toContain('oifname @bridges drop')
    const printed = nft('list ruleset')
    for (const { kind, lines } of network.atBridges ?? [])
      if (kind === 'chain') for (const line of lines) expect(printed).toContain(line)

    const container = await rulesOf('container', 'web')
    const [port] = web.ports
    expect(linesOf(container, 'published')).toEqual([`tcp . ${port?.hostPort} : ${web.ipAddress} . 80`])
    expect(container.inside?.map(({ table }) => table)).toContain('ip slipway-dns')

    nft(`add table ip strangers`)
    try {
      nft(`add chain ip strangers forward "{ type filter hook forward priority 5; }"`)
      nft(`add rule ip strangers forward ip daddr ${web.ipAddress} counter drop`)
      expect(linesOf(await rulesOf('container', 'web'), 'forward').join()).toContain(`ip daddr ${web.ipAddress}`)
    } finally {
      nft('delete table ip strangers')
    }

    await t.handlers().container.setPorts({ id: web.id, ports: [] }, context)
    expect(linesOf(await rulesOf('container', 'web'), 'published')).toEqual([])
    await t.handlers().container.stop({ id: web.id, timeoutSeconds: 0 }, context)
    expect(await rulesOf('container', 'web')).toEqual({ atBridges: [], inside: [] })
    await expect(rulesOf('network', 'missing')).rejects.toMatchObject({ reason: 'network.not-found' })
    await t.remove(web.id)
    await t.handlers().network.remove({ id }, context)
  })
})
