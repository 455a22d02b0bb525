import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { buildEndpoint, buildNetwork } from '../../../renderer/features/topology/by-hand.ts'
import { type Command, showContainer, showHost, showNetwork } from '../../../renderer/features/topology/commands.ts'
import { waitUntil } from '../../helpers/engine.ts'

/*
 * The commands that the topology shows, typed by somebody: in a machine of their own, which is a user and a network
 * namespace, with other network namespaces in the place of containers.
 */
const ID = '0123456789abcdef'
const HOST = {
  mode: 'rootful' as const,
  keeperPid: 0,
  innerNetns: '',
  cluster: { store: '', address: '127.0.0.1', isReachable: true, hosts: [] },
}
const DONE = 'typed-and-done'
/** Answers whoever connects with the address that it sees. */
const SERVER = `require('net').createServer((c) => c.end(c.remoteAddress)).listen(80, '0.0.0.0', () => console.log('ready'))`
const CLIENT = (address: string, port: number) =>
  `require('net').connect(${port}, '${address}').on('data', (d) => console.log(String(d)))`

/** Whether this kernel has a kind of device. */
const hasKind = (kind: string): boolean => {
  const make = `ip link add name lan0 type bridge && ip link add link lan0 name one type ${kind}`
  return spawnSync('unshare', ['--user', '--map-root-user', '--net', 'sh', '-c', make]).status === 0
}

let shell: ChildProcessWithoutNullStreams
beforeEach(() => {
  shell = spawn('unshare', ['--user', '--map-root-user', '--net', 'sh'], { stdio: 'pipe', detached: true })
})
afterEach(async () => {
  const ended = new Promise((resolve) => shell.once('close', resolve))
  // With all that it has started: they are a process group.
  process.kill(-(shell.pid ?? 0), 'SIGKILL')
  await ended
})

/** Types into the shell; answers with what it says, and fails with what it complains of. */
function type(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    let complaint = ''
    const hear = (chunk: Buffer) => {
      said += String(chunk)
      const end = new RegExp(`${DONE} (\\d+)\\n`).exec(said)
      if (!end) return
      shell.stdout.off('data', hear)
      shell.stderr.off('data', grumble)
      const before = said.slice(0, end.index).trim()
      if (end[1] === '0') resolve(before)
      else reject(new Error(`${text}\n${before}\n${complaint}`))
    }
    const grumble = (chunk: Buffer) => {
      complaint += String(chunk)
    }
    shell.stdout.on('data', hear)
    shell.stderr.on('data', grumble)
    shell.stdin.write(`${text}\necho ${DONE} $?\n`)
  })
}
async function typeAll(commands: readonly Command[]): Promise<void> {
  expect(commands.length).toBeGreaterThan(0)
  for (const { line } of commands) for (const one of line.split('\n')) await type(one)
}

/** The process id of something in a network namespace of its own. */
async function contain(): Promise<number> {
  const pid = Number(await type('unshare --net sleep 600 >/dev/null 2>&1 & echo $!'))
  // Until it has gone there, it is where the shell is.
  const placeOf = (id: number | undefined) => readlinkSync(`/proc/${id}/ns/net`)
  await waitUntil(() => placeOf(pid) !== placeOf(shell.pid), 'a namespace of its own')
  return pid
}

const networkOf = (driver: string, more: Partial<NetworkSummary> = {}) =>
  ({
    ...{
      id: ID,
      name: 'shop',
      driver,
      interface: `br-${ID.slice(0, 8)}`,
      subnet: '10.66.0.0/24',
      gateway: '10.66.0.1',
    },
    ...{ ipv6Subnet: '', ipv6Gateway: '', isInternal: false, options: {}, endpoints: [], peers: [] },
    ...more,
  }) as unknown as NetworkSummary
const containerOf = (pid: number, last: number, more: object = {}) =>
  ({
    ...{ id: `${last}23456789abc`, name: `c${last}`, pid, ports: [] },
    networks: [
      {
        ...{ network: 'shop', networkId: ID, interface: 'eth0', priority: 0, dnsNames: [] },
        ...{ ipAddress: `10.66.0.${last}`, prefix: 24, gateway: '10.66.0.1', macAddress: `02:42:0a:42:00:0${last}` },
        ...{ ipv6Address: '', ipv6Prefix: 0, ipv6Gateway: '', ...more },
      },
    ],
  }) as unknown as ContainerDetail
async function join(network: NetworkSummary, container: ContainerDetail): Promise<void> {
  const [endpoint] = container.networks
  if (endpoint) await typeAll(buildEndpoint(container, { endpoint, network }, HOST))
}
const ping = (pid: number, address: string) => type(`nsenter --target ${pid} --net busybox ping -c 1 -W 3 ${address}`)

describe('what the topology says to type', () => {
  it('makes a bridge, plugs containers into it and leads ports of the machine inside', async () => {
    const network = networkOf('bridge', { ipv6Subnet: 'fd00:66::/64', ipv6Gateway: 'fd00:66::1' })
    await type('ip link set lo up')
    await typeAll(buildNetwork(network, HOST))
    const [one, two] = [await contain(), await contain()]
    const six = { ipv6Address: 'fd00:66::2', ipv6Prefix: 64, ipv6Gateway: 'fd00:66::1' }
    const ports = [
      { hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' },
      { hostIp: '', hostPort: 8081, containerPort: 80, protocol: 'tcp' },
    ] as ContainerDetail['ports']
    await join(network, { ...containerOf(one, 2, six), ports })
    await join(network, containerOf(two, 3))
    await ping(two, '10.66.0.2')
    await ping(one, 'fd00:66::1')
    // It says when it listens, into a pipe that ends the wait.
    const serve = `nsenter --target ${one} --net node -e "${SERVER}"`
    await type(`pipe=$(mktemp -u) && mkfifo $pipe && { ${serve} > $pipe & head -n 1 $pipe > /dev/null; rm $pipe; }`)
    for (const port of [8080, 8081]) expect(await type(`node -e "${CLIENT('127.0.0.1', port)}"`)).toBe('10.66.0.1')
    expect(await type(`nsenter --target ${two} --net node -e "${CLIENT('10.66.0.1', 8081)}"`)).toContain('10.66.0.')
    await typeAll(showHost(HOST))
    await typeAll(showNetwork(network, HOST))
    await typeAll(showContainer(containerOf(one, 2), HOST).filter(({ note }) => note !== 'dns'))
  })

  it('gives containers addresses of their own on a card, on a VLAN of one, and where there is none', async () => {
    await type('ip link add name lan0 type bridge && ip link set lan0 up')
    for (const [parent, options] of [
      ['lan0', { parent: 'lan0', macvlan_mode: 'bridge' }],
      ...(hasKind('vlan id 7') ? [['lan0.7', { parent: 'lan0.7' }] as const] : []),
      ['dm-0123456789ab', {}],
    ] as const) {
      const network = networkOf('macvlan', { interface: parent, gateway: '', options })
      await typeAll(buildNetwork(network, HOST))
      const [one, two] = [await contain(), await contain()]
      await join(network, containerOf(one, 2, { gateway: '' }))
      await join(network, containerOf(two, 3, { gateway: '' }))
      await ping(one, '10.66.0.3')
      await typeAll(showNetwork(network, HOST))
    }
  })

  it.skipIf(!hasKind('ipvlan'))(
    'gives containers ways by a device where ipvlan routes (a kernel without it skips this)',
    async () => {
      await type('ip link add name lan0 type bridge && ip link set lan0 up')
      const network = networkOf('ipvlan', { interface: 'lan0', options: { parent: 'lan0', ipvlan_mode: 'l3' } })
      await typeAll(buildNetwork(network, HOST))
      const [one, two] = [await contain(), await contain()]
      await join(network, containerOf(one, 2))
      await join(network, containerOf(two, 3))
      await ping(one, '10.66.0.3')
    },
  )

  it('makes the tunnel of an overlay network, which leads to every other host', async () => {
    const options = { 'com.docker.network.driver.overlay.vxlanid_list': '4097' }
    const peers = [{ name: 'other', address: '127.0.0.2', containers: ['db'] }]
    const network = networkOf('overlay', { options, peers })
    await type('ip link set lo up')
    await typeAll(buildNetwork(network, HOST))
    const one = await contain()
    await join(network, containerOf(one, 2))
    await ping(one, '10.66.0.1')
    await typeAll(showNetwork(network, HOST))
    expect(await type('bridge fdb show dev vx-0123456789ab')).toContain('dst 127.0.0.2')
    expect(await type('ip -details link show dev vx-0123456789ab')).toContain('vxlan id 4097')
  })
})
