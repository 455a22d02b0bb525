import { describe, expect, it, vi } from 'vitest'
import type { ClusterNetwork } from '../../../../engine/cluster/layout.ts'
import { CreateContainer } from '../../../../engine/contract/container.ts'
import { CreateNetwork, EndpointSpec } from '../../../../engine/contract/network.ts'
import type { Host } from '../../../../engine/host/host.ts'
import { createNetworks } from '../../../../engine/network/networks.ts'
import { renameContainer } from '../../../../engine/service/container/rename.ts'
import { joinCluster } from '../../../../engine/service/network/cluster.ts'
import { connectNetwork } from '../../../../engine/service/network/connect.ts'
import { addOverlay } from '../../../../engine/service/network/create-overlay.ts'
import { holdAddresses } from '../../../../engine/service/network/endpoints.ts'
import { linkedTo } from '../../../../engine/service/network/links.ts'
import { portsOf } from '../../../../engine/service/network/publish.ts'
import { removeNetwork } from '../../../../engine/service/network/remove.ts'
import { resolveRequest } from '../../../../engine/service/network/request.ts'
import type { ContainerRecord } from '../../../../engine/store/schema.ts'
import { createContext, networkOf } from './context.ts'

const pool = { subnet: '198.18.5.0/24', gateway: '198.18.5.1', ipRange: '', auxiliaryNames: {} }
const ipv4 = { ...pool, auxiliary: [], lastAddress: '' }
const containerOf = (more: object): ContainerRecord =>
  ({
    id: 'c'.repeat(64),
    name: 'web',
    hostname: 'web',
    config: { network: 'a', ports: [], links: [], extraHosts: [], dns: [], dnsSearch: [], dnsOptions: [] },
    endpoints: [],
    ports: [],
    state: { status: 'running' },
    ...more,
  }) as unknown as ContainerRecord

it('a port that needed no port of the host gets the one it asks for on a network that needs one', () => {
  const { context } = createContext({ networks: [networkOf({ name: 'a' })] })
  const ports = [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080 }]
  const record = containerOf({
    config: { network: 'a', ports },
    endpoints: [{ network: 'a', ipAddress: '198.18.5.2', ipv6Address: '' }],
  })
  expect(portsOf(context, record, [0])).toMatchObject([{ hostPort: 8080 }])
  expect(portsOf(context, record, [8081])).toMatchObject([{ hostPort: 8081 }])
})

describe('a published port that names no address', () => {
  const open = (
    port: object,
    { addresses = {}, options = {}, hasIpv6 = true, hostAddress = '0.0.0.0' }: Record<string, unknown> = {},
  ) => {
    const { context, parts } = createContext({
      networks: [networkOf({ name: 'a', options: options as Record<string, string> })],
    })
    Object.assign(parts, { hasIpv6: () => hasIpv6, networkSettings: { current: () => ({ hostAddress }) } })
    const ports = [{ protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, ...port }]
    const endpoint = { network: 'a', ipAddress: '10.5.0.2', ipv6Address: '', ...(addresses as object) }
    return portsOf(context, containerOf({ config: { network: 'a', ports }, endpoints: [endpoint] })).map(
      ({ hostIp, hostPort, containerIp, samePortAs }) =>
        [`${hostIp} ${hostPort} ${containerIp}`, ...(samePortAs === undefined ? [] : [`as ${samePortAs}`])].join(' '),
    )
  }
  const six = { ipv6Address: 'fd05::2' }

  it('is open in both versions of IP, to a container that has one of them too', () => {
    expect(open({})).toEqual(['0.0.0.0 8080 10.5.0.2', ':: 8080 10.5.0.2'])
    expect(open({}, { addresses: six })).toEqual(['0.0.0.0 8080 10.5.0.2', ':: 8080 fd05::2'])
  })

  it('has one number in both, whichever is chosen', () => {
    expect(open({ hostPort: 0 })).toEqual(['0.0.0.0 0 10.5.0.2', ':: 0 10.5.0.2 as 0'])
    expect(open({ hostPortEnd: 8090 })).toEqual(['0.0.0.0 8080 10.5.0.2', ':: 8080 10.5.0.2 as 0'])
  })

  it('is open in one where the machine has no other, or one address is set or asked for', () => {
    expect(open({}, { hasIpv6: false })).toEqual(['0.0.0.0 8080 10.5.0.2'])
    expect(open({}, { hostAddress: '127.0.0.1' })).toEqual(['127.0.0.1 8080 10.5.0.2'])
    expect(open({}, { hostAddress: '::' })).toEqual([':: 8080 10.5.0.2'])
    expect(open({ hostIp: '0.0.0.0' })).toEqual(['0.0.0.0 8080 10.5.0.2'])
    expect(open({ hostIp: '::' }, { addresses: six })).toEqual([':: 8080 fd05::2'])
    expect(open({}, { options: { 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.2' } })).toEqual([
      '127.0.0.2 8080 10.5.0.2',
    ])
  })

  it('needs a port of the host in the versions alone that are translated', () => {
    const routed = (version: 4 | 6) => ({ [`com.docker.network.bridge.gateway_mode_ipv${version}`]: 'routed' })
    expect(open({}, { addresses: six, options: routed(6) })).toEqual(['0.0.0.0 8080 10.5.0.2', ' 0 fd05::2'])
    expect(open({}, { addresses: six, options: routed(4) })).toEqual([' 0 10.5.0.2', ':: 8080 fd05::2'])
    expect(open({}, { options: routed(4) })).toEqual([' 0 10.5.0.2'])
  })

  it('carries SCTP in the versions that the container has', () => {
    expect(open({ protocol: 'sctp' })).toEqual(['0.0.0.0 8080 10.5.0.2'])
    expect(open({ protocol: 'sctp' }, { addresses: six })).toHaveLength(2)
  })
})

it('a container that cannot be led to its new network loses the interface again', async () => {
  const before = containerOf({})
  const { context, parts } = createContext({ networks: [networkOf({ name: 'b', ipv4 })], containers: [before] })
  parts.runtime.writeNetworkFiles.mockRejectedValueOnce(new Error('disk full'))
  const endpoint = EndpointSpec.omit({ network: true }).parse({})
  await expect(connectNetwork(context, { id: 'b', container: 'web', endpoint })).rejects.toThrow('disk full')
  expect(parts.network.attach).toHaveBeenCalledOnce()
  expect(parts.network.detach).toHaveBeenCalledWith(before.id, parts.network.attach.mock.calls[0]?.[1], [])
  expect(context.containers.get(before.id)).toEqual(before)
})

const NOTHING = { ipAddress: '', ipv6Address: '' }

describe('a network that is removed', () => {
  const place = (network: string) => ({ network, ipAddress: '', ipv6Address: '', macAddress: '', requested: NOTHING })
  const starting = (...networks: string[]) =>
    containerOf({ state: { status: 'created' }, endpoints: networks.map(place) })

  it('is not, while a container is being started on it', async () => {
    const record = starting('a')
    const { context, parts } = createContext({ networks: [networkOf({ name: 'a', ipv4 })], containers: [record] })
    const [held, removed] = await Promise.allSettled([holdAddresses(context, record), removeNetwork(context, 'a')])
    expect(held.status).toBe('fulfilled')
    expect(removed).toMatchObject({ reason: { reason: 'network.in-use', details: { containers: 'web' } } })
    expect(parts.network.remove).not.toHaveBeenCalled()
  })

  it('gives no address to a container that is started meanwhile', async () => {
    const record = starting('a')
    const { context, parts } = createContext({ networks: [networkOf({ name: 'a', ipv4 })], containers: [record] })
    let start: Promise<unknown> = Promise.resolve()
    parts.network.remove.mockImplementationOnce(async () => {
      start = expect(holdAddresses(context, record)).rejects.toMatchObject({ reason: 'network.not-found' })
      await new Promise((resolve) => setImmediate(resolve))
    })
    await removeNetwork(context, 'a')
    await start
    expect(context.networks.list()).toEqual([])
  })

  it('does not come back when an address of it is noted', async () => {
    const record = starting('a', 'b')
    const networks = ['a', 'b'].map((name) => networkOf({ name, ipv4 }))
    const { context, parts } = createContext({ networks, containers: [record] })
    const { put } = parts.networks
    parts.networks.put = async (network) => {
      await parts.networks.delete('b')
      await put(network)
    }
    await expect(holdAddresses(context, record)).rejects.toMatchObject({ reason: 'network.not-found' })
    expect(context.networks.list().map(({ name }) => name)).toEqual(['a'])
  })
})

describe('a link', () => {
  const linked = (links: readonly string[], more: object = {}) =>
    containerOf({ config: { network: 'a', links }, ...more })
  const earlier = containerOf({ id: `db${'0'.repeat(62)}`, name: 'earlier' })
  const db = containerOf({ id: 'd'.repeat(64), name: 'db' })

  it('leads to the container of that name, not to one whose id begins so', () => {
    const { context } = createContext({ containers: [earlier, db] })
    expect(linkedTo(context, linked(['db:store'])).map(({ other }) => other.name)).toEqual(['db'])
    expect(linkedTo(context, linked(['db0:old'])).map(({ other }) => other.name)).toEqual(['earlier'])
    expect(linkedTo(context, linked(['gone'])).length).toBe(0)
  })

  it('that is asked for by an id is kept by name, under the alias that it was given', () => {
    const { context } = createContext({ containers: [earlier, db], networks: [networkOf({ name: 'a' })] })
    const config = CreateContainer.parse({ image: 'x', network: 'a', links: ['db0:old', '/db', 'ddd'] })
    expect(resolveRequest(context, config).links).toEqual(['earlier:old', 'db:db', 'db:ddd'])
  })

  it('goes on leading to a container that is renamed, though another takes its name', async () => {
    const place = { network: 'a', interface: 'eth0', links: ['db:own'] }
    const web = linked(['/db:store'], { name: 'web', endpoints: [place] })
    const { context } = createContext({ containers: [earlier, db, web] })
    await renameContainer(context, 'db', 'first')
    await renameContainer(context, 'earlier', 'db')
    const now = context.containers.get(web.id)
    expect(now && linkedTo(context, now)).toMatchObject([
      { other: { id: db.id }, alias: 'store' },
      { other: { id: db.id }, alias: 'own' },
    ])
  })
})

const shared = (name: string, more: Partial<ClusterNetwork> = {}): ClusterNetwork => ({
  id: networkOf({ name }).id,
  name,
  createdAt: '',
  vni: 4097,
  ipv4: pool,
  ipv6: null,
  isInternal: false,
  isEncrypted: false,
  options: {},
  labels: {},
  ...more,
})

describe('networks of the cluster', () => {
  const join = async (context: ReturnType<typeof createContext>, networks: readonly ClusterNetwork[]) => {
    Object.assign(context.parts.cluster, {
      isKnown: () => true,
      isWiped: () => false,
      networks: () => networks,
      own: () => [],
      self: () => undefined,
      encryptionKey: () => '',
      start: async (_: unknown, { onChange }: { onChange(networks: string[]): void }) => onChange(['*']),
    })
    await joinCluster(context.context)
  }

  it('go and come though one of them cannot be taken away', async () => {
    const networks = ['x', 'y'].map((name) => networkOf({ name, driver: 'overlay' }))
    const test = createContext({ networks })
    test.parts.network.remove.mockRejectedValueOnce(new Error('busy'))
    await join(test, [shared('z')])
    await vi.waitUntil(() => test.context.networks.get('z'))
    expect(test.context.networks.list().map(({ name }) => name)).toEqual(['x', 'z'])
  })

  it('take the rule against plain packets along when they are removed here', async () => {
    const options = { encrypted: '', 'com.docker.network.driver.overlay.vxlanid_list': '4097' }
    const { context, parts } = createContext({ networks: [networkOf({ name: 'x', driver: 'overlay', options })] })
    Object.assign(parts.cluster, {
      isConfigured: true,
      removeNetwork: async () => {},
      own: () => [],
      hosts: () => [],
      encryptionKey: () => '',
      self: () => ({ id: '1', value: { name: 'here', address: '10.0.0.1', boot: '' } }),
    })
    await removeNetwork(context, 'x')
    expect(parts.network.setEncryption).toHaveBeenCalledWith({ local: '10.0.0.1', vnis: [], peers: [] })
  })

  it('are left out when their gateway is not in their subnet', async () => {
    const test = createContext()
    await join(test, [shared('x', { ipv4: { ...pool, gateway: '198.18.6.1' } }), shared('z', { ipv4: pool })])
    await vi.waitUntil(() => test.context.networks.get('z'))
    expect(test.context.networks.get('x')).toBeUndefined()
  })

  it.each([
    ['com.docker.network.driver.mtu', 'abc'],
    ['com.docker.network.bridge.enable_icc', 'perhaps'],
  ])('are not added with an impossible %s', async (option, value) => {
    const { context, parts } = createContext()
    const stored: ClusterNetwork[] = []
    const { interfaceOf } = createNetworks({} as Host, () => '10.0.0.1')
    Object.assign(parts.network, { interfaceOf, underlayMtu: async () => 1500 })
    Object.assign(parts.cluster, {
      isConfigured: true,
      describe: () => ({ address: '10.0.0.1' }),
      addNetwork: async (plan: (known: ClusterNetwork[]) => ClusterNetwork) => {
        const network = plan([])
        stored.push(network)
        return network
      },
    })
    const config = CreateNetwork.parse({ name: 'n', driver: 'overlay', options: { [option]: value } })
    await expect(addOverlay(context, config)).rejects.toMatchObject({ reason: 'network.invalid-option' })
    expect(stored).toEqual([])
    expect((await addOverlay(context, { ...config, options: {} })).name).toBe('n')
  })
})
