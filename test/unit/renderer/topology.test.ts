import { describe, expect, it } from 'vitest'
import type { ContainerSummary, StatsSample } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { hostInterfaceName } from '../../../engine/network/bridge.ts'
import { vethOf } from '../../../renderer/features/topology/commands.ts'
import type { GraphEdge } from '../../../renderer/features/topology/edges.ts'
import { shorten, toFlowEdges } from '../../../renderer/features/topology/flow.ts'
import { buildGraph, type GraphOptions } from '../../../renderer/features/topology/graph.ts'
import { countConnections, measure, rateOf } from '../../../renderer/features/topology/rates.ts'

const container = (name: string, more: Partial<ContainerSummary> = {}) =>
  ({
    id: `${name}-id`,
    name,
    image: 'image',
    status: 'running',
    ports: [],
    networkMode: 'bridge',
    links: [],
    labels: {},
    ...more,
  }) as unknown as ContainerSummary
const network = (name: string, members: readonly string[], more: Partial<NetworkSummary> = {}) =>
  ({
    id: `${name}-id`,
    name,
    driver: 'bridge',
    subnet: '10.0.0.0/24',
    gateway: '10.0.0.1',
    interface: `br-${name}`,
    options: {},
    isInternal: false,
    endpoints: members.map((member) => ({
      containerId: `${member}-id`,
      interface: 'eth0',
      ipAddress: '10.0.0.2',
      isRunning: true,
    })),
    ...more,
  }) as unknown as NetworkSummary
const port = (hostIp: string) => ({ hostIp, hostPort: 8080, containerPort: 80, protocol: 'tcp' as const })
const all: GraphOptions = { show: 'all', collapsed: new Set() }
const edgesOf = (graph: ReturnType<typeof buildGraph>) =>
  graph.edges.map(({ kind, source, target, label }) => `${kind} ${source} ${target} ${label}`.trim())

describe('the graph of the topology', () => {
  it('joins containers with networks, the outside, those they share with and those they know by a link', () => {
    const graph = buildGraph(
      [
        container('web', { ports: [port('0.0.0.0'), port('::')] }),
        container('side', { networkMode: 'container:web-id' }),
        container('app', { links: ['web:front'] }),
      ],
      [network('bridge', ['web', 'app'])],
      all,
    )
    expect(edgesOf(graph).sort()).toEqual([
      'attached host bridge-id 10.0.0.1',
      'endpoint bridge-id app-id 10.0.0.2',
      'endpoint bridge-id web-id 10.0.0.2',
      'link app-id web-id front',
      'port host web-id 8080→80',
      'shared web-id side-id',
      'uplink outside host 8080',
    ])
  })

  it('has no ports while nothing that runs is published, and no machine without containers and networks', () => {
    const graph = buildGraph([container('web', { status: 'exited', ports: [port('')] })], [], all)
    expect(graph).toMatchObject({ nodes: [{ kind: 'outside' }, { kind: 'host' }, { kind: 'container' }] })
    expect(edgesOf(graph)).toEqual(['uplink outside host'])
    expect(buildGraph([], [], all)).toEqual({ nodes: [], edges: [] })
  })

  it('narrows to what others can reach, and to what can reach others', () => {
    const containers = [
      container('open', { ports: [port('')] }),
      container('near', { ports: [port('127.0.0.1')] }),
      container('shut'),
    ]
    const networks = [network('out', ['open', 'near']), network('in', ['shut'], { isInternal: true })]
    const names = (show: GraphOptions['show']) =>
      buildGraph(containers, networks, { ...all, show }).nodes.flatMap((node) =>
        node.kind === 'container' ? [node.container.name] : [],
      )
    expect(names('exposed')).toEqual(['open'])
    expect(names('outgoing')).toEqual(['open', 'near'])
  })

  it('judges a container on the network of another by that one, also at second hand, and one on the host’s by the host', () => {
    const containers = [
      container('open', { ports: [port('')] }),
      container('side', { networkMode: 'container:open' }),
      container('second', { networkMode: 'container:side-id' }),
      container('ended', { networkMode: 'container:open', status: 'exited' }),
      container('shut'),
      container('shutSide', { networkMode: 'container:shut' }),
      container('orphan', { networkMode: 'container:gone' }),
      container('loop', { networkMode: 'container:loop' }),
      container('own', { networkMode: 'host' }),
      container('ownEnded', { networkMode: 'host', status: 'exited' }),
      container('ownSide', { networkMode: 'container:own' }),
    ]
    const networks = [network('out', ['open']), network('in', ['shut'], { isInternal: true })]
    const names = (show: GraphOptions['show']) =>
      buildGraph(containers, networks, { ...all, show }).nodes.flatMap((node) =>
        node.kind === 'container' ? [node.container.name] : [],
      )
    expect(names('exposed')).toEqual(['open', 'side', 'second', 'own', 'ownSide'])
    expect(names('outgoing')).toEqual(['open', 'side', 'second', 'ended', 'own', 'ownEnded', 'ownSide'])
  })

  it('draws a collapsed project as one node with one edge a network', () => {
    const labels = { 'com.docker.compose.project': 'shop' }
    const containers = [container('a', { labels }), container('b', { labels }), container('c')]
    const graph = buildGraph(containers, [network('net', ['a', 'b', 'c'])], { ...all, collapsed: new Set(['shop']) })
    expect(graph.nodes.map(({ id }) => id)).toEqual(['outside', 'host', 'net-id', 'project:shop', 'c-id'])
    expect(edgesOf(graph).filter((edge) => edge.startsWith('endpoint'))).toEqual([
      'endpoint net-id project:shop',
      'endpoint net-id c-id 10.0.0.2',
    ])
  })

  it('joins what leads to a collapsed project: one edge for all of its ports, one for all of its links', () => {
    const labels = { 'com.docker.compose.project': 'shop' }
    const containers = [
      container('a', { labels, ports: [port(''), port('127.0.0.1')] }),
      container('b', { labels, ports: [port('')], links: ['c:x', 'a'] }),
      container('c', { links: ['a:one', 'b:two'] }),
    ]
    const graph = buildGraph(containers, [], { ...all, collapsed: new Set(['shop']) })
    expect(edgesOf(graph).sort()).toEqual([
      'link c-id project:shop one, two',
      'link project:shop c-id x',
      'port host project:shop 8080→80, 127.0.0.1:8080→80',
      'uplink outside host 8080',
    ])
    expect(graph.edges.find(({ kind }) => kind === 'port')?.publishedBy).toEqual(['a-id', 'b-id'])
  })

  it('puts on this machine the bridges by their gateway, children of an interface by that, and who shares its network', () => {
    const graph = buildGraph(
      [container('own', { networkMode: 'host' })],
      [
        network('lan', [], { driver: 'macvlan', interface: 'eth0' }),
        network('wide', [], { driver: 'overlay' }),
        network('apart', [], { options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } }),
      ],
      { ...all, machine: { hostname: 'desk', interfaces: [{ name: 'eth0', addresses: ['192.168.1.2/24'] }] } },
    )
    expect(graph.nodes[1]).toMatchObject({ kind: 'host', machine: { hostname: 'desk' } })
    expect(edgesOf(graph)).toEqual([
      'uplink outside host',
      'attached host lan-id eth0',
      'attached host wide-id 10.0.0.1',
      'attached host apart-id',
      'attached host own-id',
    ])
    expect(graph.edges.flatMap(({ bridges }) => bridges)).toEqual(['wide-id', 'apart-id'])
  })

  it('warns of ports on every address and of the default network that gives no names', () => {
    const graph = buildGraph(
      [container('web', { ports: [port('')] }), container('near', { ports: [port('127.0.0.1')] })],
      [network('bridge', ['web', 'near']), network('own', ['web', 'near'])],
      all,
    )
    const hints = graph.nodes.flatMap((node) => ('hints' in node ? [node.hints] : []))
    expect(hints).toEqual([['noNames'], [], ['allAddresses'], []])
  })
})

describe('the rate of an edge', () => {
  const sample = (time: number, rxBytes: number) =>
    ({ time, interfaces: [{ name: 'eth0', rxBytes, txBytes: 0 }] }) as unknown as StatsSample

  it('is what the interface counted between the last two samples', () => {
    expect(rateOf([sample(0, 0), sample(1000, 500), sample(3000, 2500)], 'eth0')).toEqual({ received: 1000, sent: 0 })
  })

  it('is unknown after one sample, for another interface, and never below zero', () => {
    expect(rateOf([sample(0, 0)], 'eth0')).toBeNull()
    expect(rateOf([sample(0, 0), sample(1000, 1)], 'eth1')).toBeNull()
    expect(rateOf([sample(0, 500), sample(1000, 0)], 'eth0')).toEqual({ received: 0, sent: 0 })
  })
})

describe('what an edge carries', () => {
  const published = (id: string, received: number, connections: number) => ({
    id,
    interfaces: [{ name: 'eth0', connections: 1 }],
    published: { connections, bytes: { received, sent: 0 } },
  })
  const traffic = (before: number, now: number) => ({
    before: { time: 0, bridges: [], containers: [published('a', before, 0), published('b', 0, 0)] },
    now: { time: 2000, bridges: [], containers: [published('a', now, 2), published('b', 400, 3)] },
  })
  const history = new Map(
    ['a', 'b'].map((id) => [
      id,
      [0, 1000].map((time) => ({ time, interfaces: [{ name: 'eth0', rxBytes: time, txBytes: 3 * time }] })),
    ]),
  ) as unknown as ReadonlyMap<string, readonly StatsSample[]>
  const edge = (more: Partial<GraphEdge>): GraphEdge => ({
    ...{ id: 'e', kind: 'port', source: 'x', target: 'y', label: '', publishedBy: [], measured: [], bridges: [] },
    ...more,
  })

  it('is the sum of all that it stands for: bytes through ports and on interfaces, and connections', () => {
    const ports = edge({ publishedBy: ['a', 'b'] })
    expect(measure(ports, { history, traffic: traffic(100, 700) })).toEqual({ received: 500, sent: 0 })
    expect(countConnections(ports, traffic(100, 700))).toBe(5)
    const places = edge({ measured: ['a', 'b'].map((containerId) => ({ containerId, interface: 'eth0' })) })
    expect(measure(places, { history, traffic: traffic(0, 0) })).toEqual({ received: 2000, sent: 6000 })
    expect(countConnections(places, traffic(0, 0))).toBe(2)
  })

  it('is unknown where nothing was measured twice, and never below zero', () => {
    const ports = edge({ publishedBy: ['a'] })
    expect(measure(ports, { history, traffic: { before: null, now: traffic(0, 1).now } })).toBeNull()
    expect(measure(edge({ publishedBy: ['gone'] }), { history, traffic: traffic(0, 1) })).toBeNull()
    expect(measure(ports, { history, traffic: traffic(900, 0) })).toEqual({ received: 0, sent: 0 })
  })

  it('is not drawn from afar where it only says that a network is on this machine', () => {
    const graph = buildGraph([container('a', { ports: [port('')] })], [network('net', ['a'])], all)
    const drawn = (hasDetail: boolean) =>
      toFlowEdges(graph, { history, traffic: traffic(0, 0) }, { hasDetail }).map(({ id }) => id)
    expect(drawn(true)).toEqual(graph.edges.map(({ id }) => id))
    expect(drawn(false)).toEqual(['uplink:outside:host', 'endpoint:net-id:a-id', 'port:host:a-id'])
  })

  it('names the first of many ports in the picture', () => {
    expect(shorten('1→1, 2→2, 3→3, 4→4')).toBe('1→1, 2→2, 3→3, 4→4')
    expect(shorten('1→1, 2→2, 3→3, 4→4, 5→5')).toBe('1→1, 2→2, 3→3 +2')
  })
})

describe('the other end of a container’s interface', () => {
  it('is the one that the engine makes, also where the interface has more digits in its name', () => {
    for (const name of ['eth0', 'eth12', 'v6net0', 'net07', 'plain'])
      expect(vethOf('0123456789abcdef', name), name).toBe(hostInterfaceName('0123456789abcdef', name))
  })
})
