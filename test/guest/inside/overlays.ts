import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { ClusterHost, ClusterTest } from '../../helpers/cluster.ts'
import { until } from './engine.ts'
import type { Scenario } from './scenario.ts'
import { forge, MARKER, type Passed, watchWire } from './wire.ts'

/** Two hosts with a network `open` and, from the second scenario on, one `secret` that is encrypted. */
export const overlayScenarios: readonly Scenario[] = [
  { title: 'carry a network that anybody on the wire can read and write', run: carriesPlain },
  { title: 'carry an encrypted one as ESP alone, by both address versions, and a plain one beside it', run: encrypts },
  { title: 'let in nothing plain, from a stranger or in the name of the other', run: dropsPlain },
  {
    title: 'send nothing plain when somebody took policies and keys away; a new keeper sets them again',
    run: sendsNothing,
  },
  { title: 'have other keys as soon as the cluster has another', run: changesKeys },
  { title: 'drop the keys to a host that is gone, and have them again when it is back', run: losesHost },
  { title: 'leave no keys, policies and rules behind', run: leavesNothing },
]

const IMAGE = 'test/box:1'
/** An emulated machine may take long to renew a lease. */
const LEASE_SECONDS = 60
const VNI = 'com.docker.network.driver.overlay.vxlanid_list'
let running: Promise<ClusterTest> | undefined
/** Loaded by this group alone: it looks for tools when it is. */
const cluster = () =>
  (running ??= import('../../helpers/cluster.ts').then(({ startCluster }) =>
    startCluster({ leaseSeconds: LEASE_SECONDS }),
  ))

const onHost = ({ inside: [command = '', ...args] }: ClusterHost, ...argv: string[]) =>
  execFileSync(command, [...args, ...argv]).toString()
const states = (host: ClusterHost): string[] => onHost(host, 'ip', 'xfrm', 'state').match(/spi 0x[0-9a-f]+/g) ?? []
const policies = (host: ClusterHost) => onHost(host, 'ip', 'xfrm', 'policy').trim()
const dropped = (host: ClusterHost) =>
  Number(/meta ipsec missing .*counter packets (\d+)/.exec(onHost(host, 'nft', 'list', 'ruleset'))?.[1])

/** A network's container on a host. */
interface Place {
  readonly pid: number
  readonly vni: number
  readonly mac: string
  readonly ipv4: string
  readonly ipv6: string
}
/** By network and host's address: each question to docker takes seconds in an emulated machine. */
const places = new Map<string, Place>()
const placeOn = ({ address }: ClusterHost, network: string): Place =>
  places.get(`${network} ${address}`) ?? assert.fail(`nothing runs on ${network} at ${address}`)

/** Makes a network with a container of the same name on both hosts. */
async function createNetwork(name: string, ...options: string[]): Promise<void> {
  const { hosts } = await cluster()
  const [a, b] = hosts
  await a.ok('network', 'create', '-d', 'overlay', ...options, name)
  await until('the network on the other host', async () => (await b.docker('network', 'inspect', name)).code === 0)
  const vni = await a.ok('network', 'inspect', '-f', `{{index .Options "${VNI}"}}`, name)
  for (const host of hosts) {
    await host.ok(
      ...['run', '-d', '--security-opt', 'seccomp=unconfined', '--name', name, '--network', name],
      ...['--network-alias', aliasOn(host), IMAGE, 'sleep', '6000'],
    )
    const fields = ['MacAddress', 'IPAddress', 'GlobalIPv6Address'].map((field) => `{{$net.${field}}}`).join(' ')
    const format = `{{$net := index .NetworkSettings.Networks "${name}"}}{{.State.Pid}} ${fields}`
    const [pid, mac = '', ipv4 = '', ipv6 = ''] = (await host.ok('inspect', '-f', format, name)).split(' ')
    places.set(`${name} ${host.address}`, { pid: Number(pid), vni: Number(vni), mac, ipv4, ipv6 })
  }
}

/** Tells the two containers of a network apart. */
const aliasOn = ({ address }: ClusterHost) => `at-${address.replaceAll('.', '-')}`
const ping = async (from: ClusterHost, network: string, to: string) =>
  (await from.docker('exec', network, 'ping', '-c', '1', '-w', '5', '-p', MARKER, to)).code === 0
const reaches = (from: ClusterHost, network: string, to: string) =>
  until(`the way from ${from.address} to ${to}`, () => ping(from, network, to))

async function watch(work: () => Promise<void>): Promise<Passed> {
  return watchWire({ enter: (await cluster()).fabric, link: 'to-a' }, work)
}

/** Datagrams to ports where nobody listens, as a container's kernel has counted them. */
function unheard(host: ClusterHost, network: string): number {
  const text = readFileSync(`/proc/${placeOn(host, network).pid}/net/snmp`, 'utf8')
  const [, values = ''] = text.match(/^Udp: .*/gm) ?? []
  return Number(values.split(' ')[2])
}

/** Sends a forged packet to a container of the first host. */
async function attack(network: string, from: string): Promise<void> {
  const { hosts, fabric } = await cluster()
  const { vni, mac, ipv4 } = placeOn(hosts[0], network)
  forge(fabric, { host: hosts[0].address, from, vni, mac, address: ipv4 })
}

async function carriesPlain(): Promise<void> {
  const [a, b] = (await cluster()).hosts
  await createNetwork('open')
  const other = placeOn(b, 'open').ipv4
  const { esp, vxlan, readable } = await watch(() => reaches(a, 'open', other))
  assert.equal(esp, 0)
  assert.ok(vxlan >= 2 && readable >= 2, JSON.stringify({ vxlan, readable }))
  for (const from of ['', b.address]) {
    const before = unheard(a, 'open')
    await attack('open', from)
    await until('the forged datagram', () => unheard(a, 'open') > before)
  }
}

async function encrypts(): Promise<void> {
  const [a, b] = (await cluster()).hosts
  await createNetwork('secret', '--opt', 'encrypted', '--ipv6')
  const { ipv4, ipv6 } = placeOn(b, 'secret')
  assert.match(ipv6, /:/)
  const { esp, vxlan, readable } = await watch(async () => {
    await reaches(a, 'secret', ipv4)
    await reaches(a, 'secret', ipv6)
    await reaches(a, 'secret', aliasOn(b))
    await reaches(a, 'open', placeOn(b, 'open').ipv4)
  })
  assert.deepEqual({ vxlan, readable }, { vxlan: 0, readable: 0 })
  assert.ok(esp >= 8, String(esp))
  for (const host of [a, b]) {
    assert.equal(states(host).length, 2)
    assert.match(onHost(host, 'ip', '-s', 'xfrm', 'state'), /lifetime current:\s+[1-9]\d*\(bytes\)/)
  }
  assert.deepEqual(states(a).toSorted(), states(b).toSorted())
}

async function dropsPlain(): Promise<void> {
  const [a, b] = (await cluster()).hosts
  const heard = () => [unheard(a, 'secret'), unheard(a, 'open')]
  const refused = () =>
    [...onHost(a, 'cat', '/proc/net/xfrm_stat').matchAll(/^XfrmIn(?:NoPols|TmplMismatch)\s+(\d+)/gm)]
      .map(([, count]) => Number(count))
      .reduce((sum, count) => sum + count, 0)
  const before = heard()
  const [byRule, byPolicy] = [dropped(a), refused()]
  await attack('secret', '')
  await attack('secret', b.address)
  await until('the rule’s drops', () => dropped(a) === byRule + 2)
  await attack('open', b.address)
  await until('the policy’s drop', () => refused() === byPolicy + 1)
  assert.deepEqual(heard(), before)
}

async function sendsNothing(): Promise<void> {
  const [a, b] = (await cluster()).hosts
  const other = placeOn(a, 'secret').ipv4
  for (const what of ['policy', 'state']) onHost(b, 'ip', 'xfrm', what, 'flush')
  const passed = await watch(async () => assert.equal(await ping(b, 'secret', other), false))
  assert.deepEqual(passed, { esp: 0, vxlan: 0, readable: 0 })
  await b.kill(true)
  await b.start()
  await reaches(b, 'secret', other)
}

async function changesKeys(): Promise<void> {
  const { hosts, etcd } = await cluster()
  const [a, b] = hosts
  const before = states(a)
  await etcd.put({ '/slipway/v1/encryption-key': 'c3'.repeat(32) })
  for (const host of hosts)
    await until('other keys', () => states(host).length === 2 && !states(host).some((spi) => before.includes(spi)))
  const other = placeOn(b, 'secret').ipv4
  const { vxlan, readable } = await watch(() => reaches(a, 'secret', other))
  assert.deepEqual({ vxlan, readable }, { vxlan: 0, readable: 0 })
}

async function losesHost(): Promise<void> {
  const { hosts, etcd } = await cluster()
  const [a, b] = hosts
  await b.kill(true)
  // As when its lease ends, which takes as long as a slow machine may.
  const known = Object.entries(await etcd.read('/slipway/v1/hosts/'))
  await etcd.remove(known.flatMap(([key, value]) => (value.includes(`"${b.address}"`) ? [key] : [])))
  await until('the loss of the host', () => states(a).length === 0 && policies(a) === '')
  await b.start()
  await reaches(a, 'secret', placeOn(b, 'secret').ipv4)
  assert.equal(states(a).length, 2)
}

async function leavesNothing(): Promise<void> {
  const test = await cluster()
  const [a, b] = test.hosts
  for (const host of test.hosts) await host.ok('rm', '-f', 'secret')
  for (const host of test.hosts) await until('no keys', () => states(host).length === 0 && policies(host) === '')
  const open = placeOn(b, 'open').ipv4
  const { esp, vxlan } = await watch(() => reaches(a, 'open', open))
  assert.ok(esp === 0 && vxlan >= 2, JSON.stringify({ esp, vxlan }))
  await a.ok('network', 'rm', 'secret')
  for (const host of test.hosts) {
    await until('no rule', () => !onHost(host, 'nft', 'list', 'ruleset').includes('ipsec missing'))
    await host.ok('rm', '-f', 'open')
  }
  await until('no network', async () => (await b.docker('network', 'rm', 'open')).code === 0)
  for (const host of test.hosts) await until('no devices', () => !/vx-|br-/.test(onHost(host, 'ip', '-o', 'link')))
  await test.destroy()
}
