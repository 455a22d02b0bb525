import { readdirSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFirewall } from '../../../../engine/keeper/network/firewall.ts'
import { createEncryption } from '../../../../engine/keeper/network/overlay/encryption.ts'
import { createVxlans } from '../../../../engine/keeper/network/overlay/vxlan.ts'
import { createParents } from '../../../../engine/keeper/network/parents.ts'
import { waitUntil } from '../../../helpers/engine.ts'
import { createFakeTools } from '../../../helpers/fake-tools.ts'

let tools: ReturnType<typeof createFakeTools>
beforeEach(() => {
  tools = createFakeTools()
})
afterEach(() => tools.remove())

describe('rules', () => {
  const publication = {
    protocol: 'tcp',
    hostIp: '0.0.0.0',
    hostPort: 8080,
    containerIp: '172.17.0.2',
    containerPort: 80,
  } as const

  it('are all made anew after a change that the kernel refused', async () => {
    const firewall = createFirewall('t', tools.prefix)
    await firewall.publish('a', [publication])
    tools.refuse('8081')
    await expect(firewall.publish('b', [{ ...publication, hostPort: 8081 }])).rejects.toThrow('it is refused')
    tools.refuse()
    tools.asked()
    await firewall.publish('b', [])
    expect(tools.asked()).toContain('8080')
    await firewall.remove()
  })

  it('that went and cannot be made anew at once are tried for until they can', async () => {
    const firewall = createFirewall('t', tools.prefix, { retryMs: 20 })
    await firewall.publish('a', [publication])
    tools.refuse('8080')
    tools.asked()
    await expect(firewall.repair('t')).rejects.toThrow('it is refused')
    let tries = 0
    await waitUntil(() => {
      tries += tools.asked().split('nft -f -').length - 1
      return tries > 2
    })
    await expect(firewall.repair('t')).rejects.toThrow('it is refused')
    tools.refuse()
    tools.asked()
    await waitUntil(() => tools.asked().includes('8080'), 'the rules')
    tools.answer('table ip t\ntable ip6 t')
    await firewall.repair('t')
    expect(tools.asked()).not.toContain('8080')
    await firewall.remove()
    await firewall.repair('t')
    expect(tools.asked()).not.toContain('8080')
  })
})

describe('a device', () => {
  it('that is a VLAN is noted before it is made, and forgotten when it cannot be', async () => {
    const folder = path.join(tools.folder, 'vlans')
    const parents = createParents({ rootless: false, vlanFolder: folder, prefix: tools.prefix })
    tools.refuse('dev eth0.7', 'type vlan')
    await expect(parents.ensureParent({ parent: 'eth0.7', kind: 'macvlan', isOwn: false })).rejects.toThrow('VLAN')
    expect(readdirSync(folder)).toEqual([])
    tools.refuse('dev eth0.7', 'eth0.7 up')
    await expect(parents.ensureParent({ parent: 'eth0.7', kind: 'macvlan', isOwn: false })).rejects.toThrow()
    expect(readdirSync(folder)).toEqual(['eth0.7'])
  })

  it('that is a tunnel over IPv6 stays when it is as it should be', async () => {
    const vxlans = createVxlans(path.join(tools.folder, 'tunnels'), tools.prefix)
    const params = { bridge: 'br1', vxlan: 'vx1', vni: 4097, local: 'fd00::1', mtu: 1430 }
    const answer = (local6: string) =>
      tools.answer(
        JSON.stringify([
          {
            ifname: 'vx1',
            mtu: 1430,
            master: 'br1',
            linkinfo: { info_data: { id: 4097, local6 } },
            addr_info: [{ local: 'fd00::1' }],
          },
        ]),
      )
    answer('fd00::1')
    await vxlans.ensureVxlan(params)
    expect(tools.asked()).not.toContain('delete')
    answer('fd00::2')
    await vxlans.ensureVxlan(params)
    expect(tools.asked()).toContain('ip link delete vx1')
  })
})

describe('encryption', () => {
  const peer = (digit: string) => ({
    host: `10.0.0.${digit}`,
    keyIn: digit.repeat(72),
    keyOut: digit.repeat(72),
    spiIn: 1000 + Number(digit),
    spiOut: 2000 + Number(digit),
  })
  const params = (...peers: ReturnType<typeof peer>[]) => ({ local: '10.0.0.1', vnis: [4097], peers })

  it('that was set by halves is taken away by the next change', async () => {
    const create = () => createEncryption(tools.folder, { table: 't', prefix: tools.prefix })
    tools.refuse('state add*10.0.0.3')
    await expect(create().setEncryption(params(peer('2'), peer('3')))).rejects.toThrow('it is refused')
    tools.refuse()
    tools.asked()
    await create().setEncryption(params(peer('3')))
    const asked = tools.asked()
    expect(asked).toContain('xfrm policy delete src 10.0.0.1/32 dst 10.0.0.2/32')
    expect(asked).toContain('xfrm state delete src 10.0.0.1 dst 10.0.0.2 proto esp')
    expect(asked).toContain('xfrm state add src 10.0.0.1 dst 10.0.0.3')
    await create().setEncryption(params(peer('3')))
    expect(tools.asked()).toBe('')
  })
})
