import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BridgeNetworkParams } from '../../../engine/host/network.ts'
import { type SandboxThread, startSandboxThread } from '../../../engine/keeper/network/sandbox/client.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)(`a bridge${isRoot ? '' : ' (a namespace of its own needs root)'}`, () => {
  let base = ''
  let netns = ''
  let thread: SandboxThread
  const wanted = (bridge: string, addresses = ['10.5.0.1/24', 'fd05::1/64']): BridgeNetworkParams => ({
    bridge,
    addresses,
    subnets: ['10.5.0.0/24', 'fd05::/64'],
    mtu: 1450,
    masquerade: true,
    isInternal: false,
    isOpenWithin: true,
    gatewayModes: { ip: 'nat', ip6: 'nat' },
  })
  const inside = (...argv: string[]) => execFileSync('ip', ['netns', 'exec', netns, ...argv], { encoding: 'utf8' })
  const show = (bridge: string) => inside('ip', '-d', 'addr', 'show', 'dev', bridge)
  const isThere = (name: string) =>
    inside('ip', '-br', 'link')
      .split(/[@\s]+/)
      .includes(name)
  const ensure = (params: BridgeNetworkParams) => thread.carryOut({ type: 'ensure-bridge', params, mac: '' })
  const remove = (bridge: string) => thread.carryOut({ type: 'remove-bridge', bridge })

  beforeAll(() => {
    base = mkdtempSync(path.join(os.tmpdir(), 'sll-'))
    netns = `slw-${path.basename(base).slice(4)}`
    execFileSync('ip', ['netns', 'add', netns])
    thread = startSandboxThread(path.resolve('out/keeper/keeper.mjs'), `/run/netns/${netns}`)
  })
  afterAll(async () => {
    await thread?.stop()
    if (netns) execFileSync('ip', ['netns', 'delete', netns])
    if (base) rmSync(base, { recursive: true })
  })

  it('that several want at the same moment is made once, and is there for all of them', async () => {
    await Promise.all(Array.from({ length: 6 }, () => ensure(wanted('wanted'))))
    const shown = show('wanted')
    for (const part of ['10.5.0.1/24', 'fd05::1/64', 'mtu 1450', ',UP']) expect(shown).toContain(part)
    await remove('wanted')
    await remove('wanted')
    expect(isThere('wanted')).toBe(false)
  })

  it('may have dots in its name, and what it needs is switched on in its own namespace', async () => {
    await ensure(wanted('br.five'))
    const read = (name: string) => inside('cat', `/proc/sys/net/${name}`).trim()
    expect(read('ipv4/ip_forward')).toBe('1')
    expect(read('ipv4/conf/br.five/route_localnet')).toBe('1')
    expect(read('ipv6/conf/all/forwarding')).toBe('1')
    expect(read('ipv6/conf/br.five/accept_ra')).toBe('0')
    await remove('br.five')
  })

  it('believes no router, and has IPv6 only while it has an address of it', async () => {
    const read = (name: string) => inside('cat', `/proc/sys/net/ipv6/conf/switched/${name}`).trim()
    const plain = { ...wanted('switched', ['10.5.0.1/24']), subnets: ['10.5.0.0/24'] }
    await ensure(plain)
    expect([read('accept_ra'), read('disable_ipv6')]).toEqual(['0', '1'])
    expect(show('switched')).not.toContain('inet6')
    await ensure(wanted('switched'))
    expect([read('accept_ra'), read('disable_ipv6')]).toEqual(['0', '0'])
    expect(show('switched')).toContain('inet6 fd05::1/64')
    await ensure({ ...wanted('switched', ['10.5.0.1/24']), gatewayModes: { ip: 'nat', ip6: 'isolated' } })
    expect(show('switched')).not.toContain('inet6')
    await remove('switched')
  })

  it('may be too small for IPv6, and is as it should be once it is not any more', async () => {
    const plain = { ...wanted('small', ['10.5.0.1/24']), subnets: ['10.5.0.0/24'] }
    await ensure({ ...plain, mtu: 1000 })
    expect(show('small')).toContain('mtu 1000')
    await ensure(plain)
    expect(inside('cat', '/proc/sys/net/ipv6/conf/small/accept_ra').trim()).toBe('0')
    expect(show('small')).not.toContain('inet6')
    await remove('small')
  })

  it('that is half-made is taken away again', async () => {
    await expect(ensure(wanted('half', ['10.5.0.1/24', '10.5.0.1/24']))).rejects.toMatchObject({
      reason: 'libc.eexist',
      message: expect.stringContaining('10.5.0.1/24'),
    })
    expect(isThere('half')).toBe(false)
  })

  it('that a killed keeper has left half-made is made whole, and goes with its network', async () => {
    await ensure(wanted('cut0', []))
    inside('ip', 'link', 'set', 'cut0', 'down', 'mtu', '1500')
    for (let times = 0; times < 2; times += 1) await ensure(wanted('cut0'))
    const shown = show('cut0')
    for (const part of ['10.5.0.1/24', 'fd05::1/64', 'mtu 1450', ',UP']) expect(shown).toContain(part)
    await remove('cut0')
    expect(isThere('cut0')).toBe(false)
  })

  it('of somebody else is used with the address that it has for good, and stays when the network goes', async () => {
    inside('ip', 'link', 'add', 'theirs', 'type', 'bridge')
    const mac = /link\/ether (\S+)/.exec(show('theirs'))?.[1] ?? ''
    await ensure(wanted('theirs'))
    inside('ip', 'link', 'add', 'port0', 'address', '02:00:00:00:00:01', 'type', 'veth', 'peer', 'name', 'port1')
    inside('ip', 'link', 'set', 'port0', 'master', 'theirs')
    expect(show('theirs')).toContain(`link/ether ${mac}`)
    expect(show('theirs')).not.toContain('10.5.0.1')
    await remove('theirs')
    expect(isThere('theirs')).toBe(true)
  })

  it('cannot have the name of another kind of interface', async () => {
    await expect(ensure(wanted('port1'))).rejects.toMatchObject({ reason: 'network.not-a-bridge' })
    await remove('port1')
    expect(isThere('port1')).toBe(true)
  })
})
