import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PortBinding, ResourceLimits } from '../../../engine/contract/container.ts'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { type Inside, runInside } from '../../helpers/inside.ts'

const { signal } = new AbortController()
/** Says its own port to whoever connects, and what it is sent in capitals. */
const SPEAKERS = `for (const port of [9000, 9001]) require('net').createServer((s) => {
  s.on('error', () => {}); s.write(port + ' '); s.on('data', (text) => s.write(String(text).toUpperCase())) }).listen(port, '0.0.0.0', () => port === 9001 && console.log('ready'))`
let t: NetworkTest
const running: Inside[] = []
const speak = async (input: Record<string, unknown>) => {
  const container = await t.run(input)
  const inside = runInside(container.pid, t.test.config.mode, SPEAKERS)
  running.push(inside)
  expect(await inside.line()).toBe('ready')
  return container
}
const connect = async (port: number, host = '127.0.0.1') => {
  const socket = net.connect({ host, port, timeout: 8000 })
  const [text] = (await Promise.race([
    once(socket, 'data'),
    once(socket, 'close').then(() => Promise.reject(new Error('no answer'))),
  ])) as [Buffer]
  return { socket, text: text.toString() }
}
const greeting = async (port: number, host?: string) => {
  const { socket, text } = await connect(port, host)
  socket.destroy()
  return text
}
const bindings = (...ports: Record<string, unknown>[]) => ports.map((port) => PortBinding.parse(port))
const setPorts = (id: string, ...ports: Record<string, unknown>[]) =>
  t.handlers().container.setPorts({ id, ports: bindings(...ports) }, { signal })
const freePort = async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { port, server, close: () => new Promise((resolve) => server.close(resolve)) }
}
const LOCAL = { hostIp: '127.0.0.1' }

beforeAll(async () => {
  t = await startNetworkTest()
})
afterAll(async () => {
  await Promise.all(running.map((inside) => inside.end()))
  await t?.test.destroy()
})

describe('the ports of a running container', () => {
  it('change while connections through those that stay go on', async () => {
    const { id, pid, ports } = await speak({ ports: [{ ...LOCAL, containerPort: 9000 }] })
    const kept = ports[0]?.hostPort ?? 0
    const { socket } = await connect(kept)
    await setPorts(id, { ...LOCAL, containerPort: 9000 }, { ...LOCAL, containerPort: 9001 })
    const after = await t.inspect(id)
    expect(after).toMatchObject({ pid, ports: [{ hostPort: kept }, { containerPort: 9001 }] })
    expect(after.config.ports).toHaveLength(2)
    expect(after.config.exposedPorts).toEqual(['9000/tcp', '9001/tcp'])
    expect(await greeting(after.ports[1]?.hostPort ?? 0)).toBe('9001 ')
    socket.write('on')
    expect(String((await once(socket, 'data'))[0])).toBe('ON')
    socket.destroy()
    await t.test.restart()
    expect((await t.inspect(id)).ports).toEqual(after.ports)
    await setPorts(id)
    await expect(greeting(kept)).rejects.toThrow('ECONNREFUSED')
    await t.remove(id)
  })

  it('lead to another port of the container, or to fewer addresses, under the same number', async () => {
    const free = await freePort()
    await free.close()
    const { id } = await speak({ ports: [{ hostIp: '0.0.0.0', hostPort: free.port, containerPort: 9000 }] })
    expect(await greeting(free.port)).toBe('9000 ')
    await setPorts(id, { hostIp: '0.0.0.0', hostPort: free.port, containerPort: 9001 })
    expect(await greeting(free.port)).toBe('9001 ')
    await setPorts(id, { ...LOCAL, hostPort: free.port, containerPort: 9000 })
    expect(await greeting(free.port)).toBe('9000 ')
    await expect(greeting(free.port, '127.0.0.2')).rejects.toThrow('ECONNREFUSED')
    await t.remove(id)
  })

  it('change all or not at all', async () => {
    const [taken, free] = [await freePort(), await freePort()]
    await free.close()
    const { id, ports } = await speak({ ports: [{ hostIp: '0.0.0.0', containerPort: 9000 }] })
    const before = ports[0]?.hostPort ?? 0
    const wanted = [
      { ...LOCAL, hostPort: before, containerPort: 9001 },
      { ...LOCAL, hostPort: free.port, containerPort: 9000 },
      { ...LOCAL, hostPort: taken.port, containerPort: 9001 },
    ]
    await expect(setPorts(id, ...wanted)).rejects.toMatchObject({
      reason: 'port.in-use',
      details: { port: taken.port },
    })
    expect((await t.inspect(id)).config.ports).toHaveLength(1)
    expect(await greeting(before, '127.0.0.2')).toBe('9000 ')
    await expect(greeting(free.port)).rejects.toThrow('ECONNREFUSED')
    await taken.close()
    const hosted = await t.run({ network: 'host' })
    await expect(setPorts(hosted.id, ...wanted)).rejects.toMatchObject({ reason: 'network.conflicting-options' })
    await Promise.all([t.remove(id), t.remove(hosted.id)])
  })

  it('take the first free one of a range', async () => {
    const taken = await freePort()
    const range = { ...LOCAL, hostPort: taken.port, hostPortEnd: taken.port + 20, containerPort: 9000 }
    const { id, ports } = await t.run({ ports: [range] })
    expect(ports[0]?.hostPort).toBeGreaterThan(taken.port)
    expect(ports[0]?.hostPort).toBeLessThanOrEqual(taken.port + 20)
    await expect(t.run({ ports: [{ ...range, hostPortEnd: undefined }] })).rejects.toMatchObject({
      reason: 'port.in-use',
    })
    await taken.close()
    await t.remove(id)
  })

  it('are published at the address that is set for all, or that their network has, when they name none', async () => {
    const { network } = t.handlers()
    await expect(network.setSettings({ hostAddress: '192.0.2.77' }, { signal })).rejects.toMatchObject({
      reason: 'network.no-such-address',
    })
    await network.setSettings({ hostAddress: '127.0.0.1' }, { signal })
    await t.test.restart()
    expect(await t.handlers().network.settings({}, { signal })).toMatchObject({ hostAddress: '127.0.0.1' })
    await t
      .handlers()
      .network.create(
        CreateNetwork.parse({ name: 'bound', options: { 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.3' } }),
        { signal },
      )
    const ports = [{ containerPort: 9000 }, { hostIp: '127.0.0.2', containerPort: 9000 }]
    const [plain, bound] = [await speak({ ports }), await speak({ ports, network: 'bound' })]
    expect(plain.ports.map(({ hostIp }) => hostIp)).toEqual(['127.0.0.1', '127.0.0.2'])
    expect(bound.ports.map(({ hostIp }) => hostIp)).toEqual(['127.0.0.3', '127.0.0.2'])
    expect(await greeting(bound.ports[0]?.hostPort ?? 0, '127.0.0.3')).toBe('9000 ')
    await expect(greeting(bound.ports[0]?.hostPort ?? 0, '127.0.0.1')).rejects.toThrow('ECONNREFUSED')
    await Promise.all([plain, bound].map(({ id }) => t.remove(id)))
    await t.handlers().network.remove({ id: 'bound' }, { signal })
    await t.handlers().network.setSettings({ hostAddress: '0.0.0.0' }, { signal })
  })
})

describe('a container that is made anew', () => {
  const recreate = (id: string, change: Record<string, unknown>) =>
    t.handlers().container.recreate({ id, change }, { signal })

  it('keeps its id, files, anonymous volumes, places, addresses and labels', async () => {
    await t.handlers().network.create(CreateNetwork.parse({ name: 'side' }), { signal })
    const before = await t.run({
      name: 'worker',
      stopTimeoutSeconds: 0,
      labels: { team: 'shop' },
      env: ['COLOUR=red'],
      mounts: [{ type: 'volume', target: '/data' }],
    })
    const { id } = before
    const endpoint = EndpointSpec.omit({ network: true }).parse({ aliases: ['helper'] })
    await t.handlers().network.connect({ id: 'side', container: id, endpoint }, { signal })
    await t.exec(id, 'echo kept > /data/file; echo kept > /file')
    const places = (await t.inspect(id)).networks.map(({ dnsNames: _, ...place }) => place)
    await recreate(id, {
      name: 'worker2',
      env: ['COLOUR=blue'],
      resources: ResourceLimits.parse({ memoryBytes: 2 ** 26 }),
    })
    const after = await t.inspect('worker2')
    expect(after).toMatchObject({ id, status: 'running', networks: places, mounts: before.mounts })
    expect(after.labels).toMatchObject({ team: 'shop' })
    // Without a controller of its own an ordinary user's engine leaves the limit out, and says so.
    expect(after.config.resources.memoryBytes).toBe(t.test.config.mode === 'rootful' ? 2 ** 26 : 0)
    expect(await t.exec(id, 'cat /data/file /file; echo $COLOUR')).toBe('kept\nkept\nblue\n')
    await recreate(id, { network: 'side', endpoints: [EndpointSpec.parse({ network: 'side' })], hostname: 'elsewhere' })
    const moved = await t.inspect(id)
    expect(moved.networks).toMatchObject([{ network: 'side', ipAddress: places[1]?.ipAddress, aliases: [] }])
    expect(await t.exec(id, 'hostname')).toBe('elsewhere\n')
    await t.remove(id)
    await t.handlers().network.remove({ id: 'side' }, { signal })
  })

  it('comes back as it was when the new one does not start, and is not stopped for what can be refused before', async () => {
    const taken = await freePort()
    const { id, startedAt, ports } = await speak({
      name: 'steady',
      stopTimeoutSeconds: 0,
      hostname: 'before',
      env: ['COLOUR=red'],
      autoRemove: true,
      ports: [{ ...LOCAL, containerPort: 9000 }],
    })
    const refused = [
      [{ mounts: [{ ...MOUNT, target: '/' }] }, 'mount.invalid-target'],
      [{ network: 'nowhere' }, 'network.not-found'],
      [{ name: 'not a name' }, 'name.invalid'],
      [{ dns: ['nonsense'] }, 'dns.invalid'],
    ] as const
    for (const [change, reason] of refused) await expect(recreate(id, change)).rejects.toMatchObject({ reason })
    expect(await t.inspect(id)).toMatchObject({ startedAt, ports, status: 'running' })
    await expect(
      recreate(id, { name: 'other', env: ['COLOUR=blue'], hostname: 'after', command: ['/no/such/program'] }),
    ).rejects.toMatchObject({ reason: 'runtime.command-not-found' })
    const busy = bindings({ ...LOCAL, hostPort: taken.port, containerPort: 9000 })
    await expect(recreate(id, { ports: busy })).rejects.toMatchObject({ reason: 'port.in-use' })
    const after = await t.inspect('steady')
    expect(after).toMatchObject({ id, status: 'running', config: { autoRemove: true, ports: [{ hostPort: 0 }] } })
    expect(await t.exec(id, 'echo $COLOUR; hostname; cat /etc/hostname')).toBe('red\nbefore\nbefore\n')
    await taken.close()
    await t.remove(id)
  })

  it('does not share its network in a ring', async () => {
    const first = await t.create({ name: 'first' })
    const second = await t.create({ network: 'container:first' })
    for (const network of [`container:${second}`, 'container:first'])
      await expect(recreate(first, { network }), network).rejects.toMatchObject({ reason: 'network.loop' })
    await Promise.all([t.remove(first), t.remove(second)])
  })

  it('stays stopped when it was', async () => {
    const id = await t.create({ env: ['COLOUR=red'] })
    await recreate(id, { env: ['COLOUR=blue'], ports: bindings({ ...LOCAL, containerPort: 9000 }) })
    expect(await t.inspect(id)).toMatchObject({ status: 'created', config: { ports: [{ containerPort: 9000 }] } })
    await t.handlers().container.start({ id }, { signal })
    expect(await t.exec(id, 'echo $COLOUR')).toBe('blue\n')
    await t.remove(id)
  })
})

const MOUNT = {
  type: 'tmpfs',
  source: '',
  readOnly: false,
  propagation: 'rprivate',
  createSource: false,
  isRecursive: true,
  noCopy: false,
  subpath: '',
  labels: {},
  options: [],
}
