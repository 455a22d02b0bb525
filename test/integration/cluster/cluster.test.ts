import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cluster, createCluster } from '../../../engine/cluster/cluster.ts'
import { openStore, type Store } from '../../../engine/cluster/etcd.ts'
import { addressKey, type ClusterNetwork, GUARD_KEY, hostKey, PREFIX } from '../../../engine/cluster/layout.ts'
import type { OwnEndpoint, Placed } from '../../../engine/cluster/place.ts'
import { createLeaseKeeper } from '../../../engine/keeper/network/overlay/lease.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { createEtcd, type Etcd, hasEtcd, loopbackAddresses } from '../../helpers/etcd.ts'

const id = (digit: string) => digit.repeat(64)
const LEASE_SECONDS = 5
const NETWORK = id('a')
let client: string
let etcd: Etcd
/** A stranger's own connection. */
let store: Store

/** A host's part, with what it was told; its lease lives as long as `keeper` keeps it. */
interface Host {
  readonly cluster: Cluster
  readonly keeper: ReturnType<typeof createLeaseKeeper>
  readonly lost: { readonly endpoint: OwnEndpoint; readonly why: Exclude<Placed, 'placed'> }[]
  readonly said: string[]
  readonly changed: Set<string>
}

async function join(digit: string, address: string, own: readonly OwnEndpoint[] = []): Promise<Host> {
  const keeper = createLeaseKeeper()
  const [lost, said, changed]: [Host['lost'], string[], Set<string>] = [[], [], new Set()]
  const log = (fields: object, message: string) => void said.push(`${message} ${JSON.stringify(fields)}`)
  const cluster = createCluster({
    config: { store: [client], advertise: address, hostName: `host-${digit}`, leaseSeconds: LEASE_SECONDS },
    hostId: digit.repeat(16),
    boot: 'boot',
    openStore,
    keepLease: (params) => keeper.keepLease(params),
    log: { info: log, warn: log },
  })
  await cluster.start(own, {
    onChange: (networks) => networks.forEach((network) => changed.add(network)),
    onLost: (endpoint, why) => lost.push({ endpoint, why }),
  })
  return { cluster, keeper, lost, said, changed }
}

const endpoint = (container: string, ipv4: string): OwnEndpoint => ({
  network: NETWORK,
  container: id(container),
  name: `c-${container}`,
  ipv4,
  ipv6: '',
  mac: '02:42:0a:00:01:02',
  names: [`c-${container}`],
})
const network = (digit: string, vni: number, subnet = '10.0.1.0/24'): ClusterNetwork => ({
  id: id(digit),
  name: `net-${digit}`,
  createdAt: '',
  vni,
  ipv4: { subnet, gateway: subnet.replace('0/24', '1'), ipRange: '', auxiliaryNames: {} },
  ipv6: null,
  isInternal: false,
  isEncrypted: false,
  options: {},
  labels: {},
})
const namesOn = ({ cluster }: Host) => cluster.remotes(NETWORK).map(({ name }) => name)
/** As when engine and keeper are killed. */
const die = ({ cluster, keeper }: Host) => {
  cluster.close()
  keeper.stop()
}

describe.skipIf(!hasEtcd)(`hosts that share an etcd${hasEtcd ? '' : ' (no etcd here)'}`, () => {
  let a: Host
  let b: Host
  let base = ''
  beforeAll(async () => {
    base = mkdtempSync(path.join(os.tmpdir(), 'sle-'))
    const addresses = await loopbackAddresses()
    client = addresses.client
    etcd = createEtcd({ folder: path.join(base, 'etcd'), ...addresses })
    await etcd.start()
    store = await openStore([client])
    a = await join('1', '10.9.0.1')
    b = await join('2', '10.9.0.2')
  })
  afterAll(async () => {
    try {
      for (const host of [a, b]) if (host) die(host)
      store?.close()
    } finally {
      await etcd?.stop()
      if (base) rmSync(base, { recursive: true, force: true })
    }
  })

  it('plan networks in knowledge of each other, however many add at once', async () => {
    const add = ({ cluster }: Host, digit: string) =>
      cluster.addNetwork((known) => network(digit, 4097 + known.length, `10.0.${known.length + 1}.0/24`))
    const made = await Promise.all([add(a, 'a'), add(b, 'b'), add(a, 'c'), add(b, 'd')])
    expect(made.map(({ vni }) => vni).toSorted()).toEqual([4097, 4098, 4099, 4100])
    await waitUntil(() => a.cluster.networks().length === 4 && b.cluster.networks().length === 4)
    await Promise.all(['b', 'c', 'd'].map((digit) => b.cluster.removeNetwork(id(digit))))
    await waitUntil(() => a.cluster.networks().length === 1)
  })

  it('never give one address to two, though both ask for the same at the same moment', async () => {
    const addresses = Array.from({ length: 40 }, (_, index) => `10.0.1.${index + 10}`)
    const claim = ({ cluster }: Host, digit: string) =>
      Promise.all(addresses.map((ip, index) => cluster.claim({ ...endpoint(digit, ip), container: own(digit, index) })))
    const own = (digit: string, index: number) => `${digit}${String(index).padStart(63, '0')}`
    const [ofA, ofB] = await Promise.all([claim(a, '1'), claim(b, '2')])
    addresses.forEach((_, index) =>
      expect([ofA[index], ofB[index]].filter((taken) => taken?.length === 0)).toHaveLength(1),
    )
    await Promise.all(
      [a, b].map(({ cluster }) =>
        Promise.all(cluster.own().map(({ network: on, container }) => cluster.release(on, container))),
      ),
    )
    await waitUntil(async () => (await store.read(addressKey(NETWORK, ''))).all.length === 0)
  })

  it('learn of each other’s containers, and a network with one of them stays', async () => {
    expect(await a.cluster.claim(endpoint('e', '10.0.1.5'))).toEqual([])
    await waitUntil(() => namesOn(b).includes('c-e'))
    expect(b.cluster.remotes(NETWORK)).toMatchObject([
      { hostAddress: '10.9.0.1', hostName: 'host-1', ipv4: '10.0.1.5' },
    ])
    await expect(b.cluster.removeNetwork(NETWORK)).rejects.toMatchObject({
      reason: 'network.in-use',
      message: expect.stringContaining('c-e'),
    })
    expect(await b.cluster.claim(endpoint('f', '10.0.1.5'))).toEqual(['10.0.1.5'])
    const both = { ...endpoint('f', '10.0.1.5'), ipv6: 'fd00::5' }
    expect(await b.cluster.claim(both)).toEqual(['10.0.1.5'])
    expect(await b.cluster.claim({ ...both, ipv4: '10.0.1.8' })).toEqual([])
    await b.cluster.release(NETWORK, both.container)
  })

  it('ignore what is not as it should be, name it once, and take no order from it', async () => {
    const stranger = { host: '3'.repeat(16), name: 'evil', ipv4: '10.0.1.77', ipv6: '', names: [] }
    const key = (container: string) => `${PREFIX}endpoints/${NETWORK}/${id(container)}`
    await store.change(
      [],
      [
        { put: hostKey('3'.repeat(16)), value: '{"name":"x","address":"10.9.0.3\\nlink del lo","boot":""}' },
        { put: hostKey('4'.repeat(16)), value: '{"name":"x","address":"10.9.0.4","boot":""}' },
        { put: key('7'), value: JSON.stringify({ ...stranger, mac: '02:42:0a:00:01:09 dst 1.2.3.4' }) },
        // Well formed, but it holds no address.
        { put: key('8'), value: JSON.stringify({ ...stranger, host: '4'.repeat(16), mac: '02:42:0a:00:01:09' }) },
        { put: `${PREFIX}networks/${id('9')}`, value: JSON.stringify({ ...network('8', 5000) }) },
        { put: `${PREFIX}networks/../../etc`, value: 'null' },
        { put: `${PREFIX}unknown`, value: '\u0000' },
      ],
    )
    await waitUntil(() => b.said.filter((line) => line.startsWith('cluster value ignored')).length >= 5)
    expect(namesOn(b)).toEqual(['c-e'])
    expect(b.cluster.networks().map(({ name }) => name)).toEqual(['net-a'])
    expect(b.cluster.hosts().map(({ value }) => value.name)).not.toContain('evil')
    for (const prefix of [
      'hosts/3',
      'hosts/4',
      'networks/9',
      'networks/.',
      'unknown',
      `endpoints/${NETWORK}/7`,
      `endpoints/${NETWORK}/8`,
    ])
      await wipe(`${PREFIX}${prefix}`)
  })

  it('say which store does not answer while it is away, and go on by themselves when it is back', async () => {
    await etcd.stop()
    await expect(b.cluster.claim(endpoint('f', '10.0.1.6'))).rejects.toMatchObject({
      reason: 'cluster.unreachable',
      message: expect.stringContaining(client),
    })
    await waitUntil(() => !b.cluster.describe().isReachable)
    // What was known stays known: nobody is cut off because the store is.
    expect(namesOn(b)).toEqual(['c-e'])
    await etcd.start()
    await waitUntil(() => a.cluster.describe().isReachable && b.cluster.describe().isReachable)
    expect(await b.cluster.claim(endpoint('f', '10.0.1.6'))).toEqual([])
    await waitUntil(() => namesOn(a).includes('c-f'))
    expect([...a.lost, ...b.lost]).toEqual([])
  })

  it('put back what a store has lost', async () => {
    // The stranger's connection broke with the store.
    await waitUntil(() =>
      wipe(PREFIX).then(
        () => true,
        () => false,
      ),
    )
    // Both, before one puts it back: who comes later finds the network there and has lost nothing.
    await waitUntil(() => [a, b].every(({ lost }) => lost.some(({ why }) => why === 'network-gone')))
    expect(a.cluster.isWiped()).toBe(true)
    await a.cluster.addNetwork(() => network('a', 4097))
    expect(await a.cluster.claim(endpoint('e', '10.0.1.5'))).toEqual([])
    expect(await b.cluster.claim(endpoint('f', '10.0.1.6'))).toEqual([])
    await waitUntil(() => namesOn(a).join() === 'c-f' && namesOn(b).join() === 'c-e')
    expect((await store.read(GUARD_KEY)).all).toHaveLength(1)
  })

  it('forget a host that dies, and it has its addresses again only where nobody took them', async () => {
    const own = [endpoint('f', '10.0.1.6'), endpoint('d', '10.0.1.7')]
    expect(await b.cluster.claim(own[1] as OwnEndpoint)).toEqual([])
    await waitUntil(() => namesOn(a).length === 2)
    die(b)
    await waitUntil(() => namesOn(a).length === 0)
    expect(await a.cluster.claim(endpoint('c', '10.0.1.6'))).toEqual([])
    b = await join('2', '10.9.0.2', own)
    expect(b.lost).toMatchObject([{ why: 'address-taken', endpoint: { name: 'c-f' } }])
    await waitUntil(() => namesOn(a).join() === 'c-d')
  })

  it('are there while the keeper is, also without an engine, and a new engine takes over what runs', async () => {
    b.cluster.close()
    const until = Date.now() + (LEASE_SECONDS + 2) * 1000
    await waitUntil(async () => {
      expect((await store.read(hostKey('2'.repeat(16)))).all).toHaveLength(1)
      return Date.now() > until
    })
    expect(namesOn(a)).toEqual(['c-d'])
    const before = b
    b = await join('2', '10.9.0.2', [endpoint('d', '10.0.1.7')])
    before.keeper.stop()
    expect(b.lost).toEqual([])
    // What an engine that was killed had begun goes.
    await b.cluster.release(NETWORK, id('d'))
    await waitUntil(() => namesOn(a).length === 0)
  })

  it('are not taken for each other when one is a copy of the other', async () => {
    const copy = await join('2', '10.9.0.9')
    expect(copy.said.join()).toContain('id is still there, at 10.9.0.2')
    await expect(copy.cluster.claim(endpoint('0', '10.0.1.9'))).rejects.toMatchObject({ reason: 'cluster.unreachable' })
    expect(b.cluster.self()?.value.address).toBe('10.9.0.2')
    die(copy)
  })

  it('leave at once when nothing runs any more', async () => {
    await a.cluster.leave()
    await waitUntil(() => b.cluster.hosts().length === 1)
    expect((await store.read(addressKey(NETWORK, ''))).all).toEqual([])
    await b.cluster.removeNetwork(NETWORK)
  })
})

async function wipe(prefix: string): Promise<void> {
  const { all } = await store.read(prefix)
  await store.change(
    [],
    all.map(({ key }) => ({ delete: key })),
  )
}
