import { execFileSync } from 'node:child_process'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import type { ReachAnswer, ReachWay } from '../../../engine/contract/reach.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { runInside } from '../../helpers/inside.ts'

const context = { signal: new AbortController().signal }
const PLACE = EndpointSpec.omit({ network: true }).parse({})
const HTTPD = ['httpd', '-f', '-p', '80', '-h', '/']
let t: NetworkTest
let web: ContainerDetail
let client: ContainerDetail
const networks = () => t.handlers().network
const createNetwork = (name: string, more: object = {}) =>
  networks().create(CreateNetwork.parse({ name, ...more }), context)
const ask = (from: string, to: string): Promise<ReachAnswer> =>
  t.handlers().reach.describe({ from, to }, context) as Promise<ReachAnswer>
const wayOf = ({ ways }: ReachAnswer, kind: ReachWay['kind']) => ways.find((way) => way.kind === kind)
const probe = (from: string, target: { address: string; port: number; name?: string; protocol?: 'tcp' | 'udp' }) =>
  t.handlers().reach.probe({ from, protocol: 'tcp', name: '', ...target }, context)

/** Runs a command where the bridges are: rootless in the keeper's inner namespace. */
const atBridges = async (argv: readonly string[], input = '') => {
  const { config } = t.test
  const keeper = (await t.handlers().system.info({}, context)).keeperPid
  const inner = path.join(config.runtimeDir, 'keeper/inner-netns')
  const enter =
    config.mode === 'rootful'
      ? []
      : [
          'nsenter',
          '--user',
          '--preserve-credentials',
          '--mount',
          `--target=${keeper}`,
          '--',
          'nsenter',
          `--net=${inner}`,
        ]
  const [command = '', ...args] = [...enter, ...argv]
  return execFileSync(command, args, { input }).toString()
}

beforeAll(async () => {
  t = await startNetworkTest()
  await createNetwork('front')
  web = await t.run({
    name: 'web',
    network: 'front',
    command: HTTPD,
    endpoints: [{ network: 'front', aliases: ['www'] }],
  })
  client = await t.run({ name: 'client', network: 'front' })
})
afterAll(async () => {
  await t?.test.destroy()
})

describe('whether one container reaches another', () => {
  it('is answered with the shared network, the names, the ports that listen and the way there', async () => {
    const answer = await ask('client', 'web')
    const way = wayOf(answer, 'network')
    expect(answer).toMatchObject({ canReach: true, joins: [], unread: [] })
    expect(way).toMatchObject({ network: 'front', address: web.ipAddress, block: null })
    expect(way?.names.map(({ name }) => name)).toEqual(['web', 'www', web.id.slice(0, 12)])
    expect(way?.ports).toEqual([{ protocol: 'tcp', port: 80, containerPort: 80, isListening: true, block: null }])
    expect(way?.hops).toEqual([
      'eth0',
      `veth${client.id.slice(0, 8)}0`,
      expect.stringMatching(/^br-/),
      `veth${web.id.slice(0, 8)}0`,
      'eth0',
    ])
  })

  it('is proved by a connection from inside, by the name first', async () => {
    const address = web.ipAddress
    expect(await probe('client', { address, port: 80, name: 'www' })).toMatchObject({
      result: 'connected',
      resolved: [address],
      resolvedBy: 'dns',
      error: '',
    })
    expect(await probe('client', { address, port: 81 })).toMatchObject({ result: 'refused', error: 'ECONNREFUSED' })
    expect(await probe('client', { address, port: 81, protocol: 'udp' })).toMatchObject({ result: 'refused' })
    expect(await probe('client', { address, port: 80, name: 'nobody.invalid' })).toMatchObject({
      result: 'unresolved',
      address: '',
    })
  })

  it('is no where no network is shared, with the rule that says so and the networks that would help', async () => {
    await createNetwork('back')
    const db = await t.run({ name: 'db', network: 'back', command: HTTPD })
    const answer = await ask('client', 'db')
    const way = wayOf(answer, 'routed')
    expect(answer.canReach).toBe(false)
    expect(way?.block).toMatchObject({ reason: 'rule', place: 'bridges', text: 'oifname @bridges drop' })
    const rules = await atBridges(['nft', '--handle', 'list', 'ruleset'])
    expect(rules).toContain(`oifname @bridges drop # handle ${way?.block?.at.split(' ').at(-1)}`)
    expect(await probe('client', { address: db.ipAddress, port: 80 })).toMatchObject({ result: 'timeout' })
    expect(answer.joins.map(({ network, container }) => `${container} → ${network}`)).toEqual([
      'db → front',
      'client → back',
    ])
    const [join] = answer.joins
    await networks().connect(
      { id: join?.networkId ?? '', container: join?.containerId ?? '', endpoint: PLACE },
      context,
    )
    expect(wayOf(await ask('client', 'db'), 'network')).toMatchObject({ network: 'front', block: null })
    await t.remove('db')
    await networks().remove({ id: 'back' }, context)
  })

  it('is no where a rule of somebody else’s stops it, which is quoted, and the probe agrees', async () => {
    const table = 'slipway-reach-test'
    const { interface: bridge } = await networks().inspect({ id: 'front' }, context)
    const rule = `oifname "veth${web.id.slice(0, 8)}0" ip daddr ${web.ipAddress} tcp dport 80 drop`
    await atBridges(
      ['nft', '-f', '-'],
      `table bridge ${table} { chain guard { type filter hook forward priority 0; policy accept;\n${rule}\n}\n}\n`,
    )
    try {
      const way = wayOf(await ask('client', 'web'), 'network')
      expect(way?.hops).toContain(bridge)
      expect(way?.ports[0]?.block).toMatchObject({
        reason: 'rule',
        place: 'bridges',
        at: expect.stringContaining(`bridge ${table} guard`),
        text: rule,
      })
      expect(await probe('client', { address: web.ipAddress, port: 80 })).toMatchObject({ result: 'timeout' })
    } finally {
      await atBridges(['nft', 'delete', 'table', 'bridge', table])
    }
    expect((await ask('client', 'web')).canReach).toBe(true)
  })

  it('is no on a network whose containers are kept apart, and from one that leads nowhere', async () => {
    await createNetwork('apart', { options: { 'com.docker.network.bridge.enable_icc': 'false' } })
    await t.run({ name: 'one', network: 'apart' })
    await t.run({ name: 'two', network: 'apart' })
    expect(wayOf(await ask('one', 'two'), 'network')?.block).toMatchObject({ reason: 'isolated', place: 'bridges' })
    await createNetwork('closed', { isInternal: true })
    await t.run({ name: 'shut', network: 'closed' })
    expect(wayOf(await ask('shut', 'web'), 'routed')?.block).toMatchObject({
      reason: 'no-route',
      place: 'from',
      text: 'Network is unreachable',
    })
    expect((await probe('shut', { address: web.ipAddress, port: 80 })).result).toBe('unreachable')
    await Promise.all(['one', 'two', 'shut'].map((id) => t.remove(id)))
    await Promise.all(['apart', 'closed'].map((id) => networks().remove({ id }, context)))
  })

  it('knows published ports, shared namespaces, links and what does not run', async () => {
    const old = await t.run({ name: 'old', command: HTTPD, ports: [{ containerPort: 80 }] })
    await t.run({ name: 'linked', links: ['old:elder'] })
    await t.run({ name: 'side', network: 'container:web' })
    const published = wayOf(await ask('client', 'old'), 'published')
    const [port] = published?.ports ?? []
    expect(port).toMatchObject({ port: old.ports[0]?.hostPort, containerPort: 80, isListening: true, block: null })
    expect(await probe('client', { address: published?.address ?? '', port: port?.port ?? 1 })).toMatchObject({
      result: 'connected',
    })
    const link = wayOf(await ask('linked', 'old'), 'network')
    expect(link?.names).toContainEqual({ name: 'elder', source: 'hosts' })
    expect(await probe('linked', { address: old.ipAddress, port: 80, name: 'elder' })).toMatchObject({
      result: 'connected',
      resolvedBy: 'hosts',
    })
    expect(wayOf(await ask('side', 'web'), 'same')).toMatchObject({ address: '127.0.0.1', block: null })
    await t.handlers().container.stop({ id: 'old', timeoutSeconds: 0 }, context)
    expect(wayOf(await ask('linked', 'old'), 'network')?.block).toMatchObject({ reason: 'not-running', at: 'old' })
    await expect(probe('old', { address: web.ipAddress, port: 80 })).rejects.toMatchObject({
      reason: 'probe.not-running',
    })
    await expect(ask('web', 'web')).rejects.toMatchObject({ reason: 'reach.same' })
    await Promise.all(['old', 'linked', 'side'].map((id) => t.remove(id)))
  })
})

describe('connections', () => {
  it('are counted on the interface of each end, and through published ports whoever carries them', async () => {
    expect.assertions(2)
    const script =
      "const s = require('net').createServer((c) => c.on('error', () => {})).listen(9000, () => console.log('ready'))"
    const { id, pid, ports, ipAddress } = await t.run({ ports: [{ containerPort: 9000, hostIp: '127.0.0.1' }] })
    const server = runInside(pid, t.test.config.mode, script)
    const peer = await t.run({})
    expect(await server.line()).toBe('ready')
    const client = runInside(peer.pid, t.test.config.mode, `require('net').connect(9000, '${ipAddress}')`)
    const sockets = [1, 2].map(() => net.connect(ports[0]?.hostPort ?? 0, '127.0.0.1').on('error', () => {}))
    const stop = new AbortController()
    for await (const { containers } of networks().traffic({}, { signal: stop.signal, up: nothing() })) {
      const [here, there] = [id, peer.id].map((one) => containers.find((sample) => sample.id === one))
      if (here?.published.connections !== 2 || there?.interfaces[0]?.connections !== 1) continue
      expect(here.interfaces).toEqual([{ name: 'eth0', connections: 3 }])
      break
    }
    stop.abort()
    for (const socket of sockets) socket.destroy()
    await Promise.all([server.end(), client.end()])
    await Promise.all([id, peer.id].map((one) => t.remove(one)))
  })
})

async function* nothing(): AsyncGenerator<never> {}
