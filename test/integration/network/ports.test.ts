import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { ECHO_SERVERS, type Inside, runInside } from '../../helpers/inside.ts'
import { makeMachine } from '../../helpers/machine.ts'

const { signal } = new AbortController()
const PLACE = EndpointSpec.omit({ network: true }).parse({})
let t: NetworkTest
const running: Inside[] = []
const serve = async (pid: number) => {
  const inside = runInside(pid, t.test.config.mode, ECHO_SERVERS)
  running.push(inside)
  expect(await inside.line()).toBe('ready')
}
const publish = async (ports: Record<string, unknown>[]) => {
  const container = await t.run({ ports })
  await serve(container.pid)
  return container
}

beforeAll(async () => {
  t = await startNetworkTest()
})
afterAll(async () => {
  await Promise.all(running.map((inside) => inside.end()))
  await t?.test.destroy()
})

describe('a published port', () => {
  it('carries UDP there and back, for IPv4 and IPv6 clients', async () => {
    const { id, ports } = await publish([
      { containerPort: 9000, protocol: 'udp', hostIp: '127.0.0.1' },
      { containerPort: 9000, protocol: 'udp', hostIp: '::1' },
    ])
    expect(await ask('udp4', '127.0.0.1', ports[0]?.hostPort ?? 0, 'four')).toMatch(/ four$/)
    expect(await ask('udp6', '::1', ports[1]?.hostPort ?? 0, 'six')).toMatch(/ six$/)
    await t.remove(id)
  })

  it('answers UDP from the address that was asked', async () => {
    const { id, ports } = await publish([{ containerPort: 9000, protocol: 'udp' }])
    for (const host of ['127.0.0.1', '127.0.0.2', '::1']) {
      const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
      // One that is connected takes nothing from anywhere else.
      socket.connect(ports[0]?.hostPort ?? 0, host)
      await once(socket, 'connect')
      socket.send('who')
      const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(5000) })
      expect(String(answer)).toMatch(/ who$/)
      socket.close()
    }
    await t.remove(id)
  })

  it('that names no address is open in both versions of IP, to a container that has IPv4 alone', async () => {
    const { id, ports } = await publish([
      { containerPort: 9000, protocol: 'udp' },
      { containerPort: 9000, protocol: 'tcp' },
    ])
    expect(ports.map(({ hostIp, protocol }) => `${protocol} ${hostIp}`)).toEqual([
      'udp 0.0.0.0',
      'tcp 0.0.0.0',
      'udp ::',
      'tcp ::',
    ])
    const [udp = 0, tcp = 0, ...same] = ports.map(({ hostPort }) => hostPort)
    expect(same).toEqual([udp, tcp])
    expect(await ask('udp4', '127.0.0.1', udp, 'four')).toMatch(/ four$/)
    expect(await ask('udp6', '::1', udp, 'six')).toMatch(/ six$/)
    expect(await sendAndEnd('127.0.0.1', tcp, 3)).toMatch(/ 3$/)
    expect(await sendAndEnd('::1', tcp, 4)).toMatch(/ 4$/)
    await t.test.restart()
    expect((await t.inspect(id)).ports).toEqual(ports)
    await t.remove(id)
    await expect(sendAndEnd('::1', tcp, 1)).rejects.toThrow('ECONNREFUSED')
  })

  it('that is taken in one version of IP is refused', async () => {
    const holder = net.createServer().listen({ port: 0, host: '::', ipv6Only: true })
    await new Promise((resolve) => holder.once('listening', resolve))
    const { port } = holder.address() as net.AddressInfo
    await expect(t.run({ ports: [{ containerPort: 80, hostPort: port }] })).rejects.toMatchObject({
      reason: 'port.in-use',
      message: expect.stringContaining(`Bind for :::${port} failed: port is already allocated`),
    })
    holder.close()
  })

  it('passes the end of a request on and still brings the answer', async () => {
    const { id, ports } = await publish([
      { containerPort: 9000, hostIp: '127.0.0.1' },
      { containerPort: 9000, hostIp: '::1' },
    ])
    const bytes = 8 * 1024 * 1024
    expect(await sendAndEnd('127.0.0.1', ports[0]?.hostPort ?? 0, bytes)).toMatch(new RegExp(` ${bytes}$`))
    expect(await sendAndEnd('::1', ports[1]?.hostPort ?? 0, bytes)).toMatch(new RegExp(` ${bytes}$`))
    await t.remove(id)
  })

  it('stays open while the engine restarts and when the keeper is killed', async () => {
    const { id, ports } = await publish([{ containerPort: 9000, hostIp: '127.0.0.1' }])
    const port = ports[0]?.hostPort ?? 0
    await t.test.restart()
    expect(await sendAndEnd('127.0.0.1', port, 10)).toMatch(/ 10$/)
    const keeper = () => t.handlers().system.info({}, { signal: AbortSignal.timeout(5000) })
    const before = (await keeper()).keeperPid
    process.kill(before, 'SIGKILL')
    await expect
      .poll(
        () =>
          keeper().then(
            ({ keeperPid }) => keeperPid,
            () => before,
          ),
        { timeout: 10_000 },
      )
      .not.toBe(before)
    await expect.poll(() => sendAndEnd('127.0.0.1', port, 11).catch(String), { timeout: 10_000 }).toMatch(/ 11$/)
    await t.remove(id)
    await expect(sendAndEnd('127.0.0.1', port, 1)).rejects.toThrow('ECONNREFUSED')
  })

  it('leads to the container’s own IPv6 address when both have one', async () => {
    await t.handlers().network.create(CreateNetwork.parse({ name: 'six', enableIPv6: true }), { signal })
    const { id, pid, ports, networks } = await t.run({
      network: 'six',
      ports: [
        { containerPort: 9000, hostIp: '::' },
        { containerPort: 9000, hostIp: '::', protocol: 'udp' },
      ],
    })
    await serve(pid)
    const [tcp = 0, udp = 0] = ports.map(({ hostPort }) => hostPort)
    const gateway = networks[0]?.ipv6Gateway ?? ''
    // Rootless the bridge lies in a namespace of its own, where this test is not.
    for (const host of ['::1', ...(t.test.config.mode === 'rootful' ? [gateway] : [])]) {
      expect(await sendAndEnd(host, tcp, 100_000), host).toMatch(/^fd\S+ 100000$/)
      expect(await ask('udp6', host, udp, 'six'), host).toMatch(/^fd\S+ six$/)
    }
    await t.remove(id)
    await t.handlers().network.remove({ id: 'six' }, { signal })
  })

  it('follows the container from one network to another', async () => {
    const { id, ports } = await publish([{ containerPort: 9000, hostIp: '127.0.0.1' }])
    const { network } = t.handlers()
    await network.create(CreateNetwork.parse({ name: 'next' }), { signal })
    await network.connect({ id: 'next', container: id, endpoint: { ...PLACE } }, { signal })
    await network.disconnect({ id: 'bridge', container: id, force: false }, { signal })
    const after = await t.inspect(id)
    expect(after.ports).toEqual(ports)
    expect(await sendAndEnd('127.0.0.1', ports[0]?.hostPort ?? 0, 5)).toMatch(/ 5$/)
    expect(await t.exec(id, 'cat /etc/hosts /etc/resolv.conf')).toMatch(
      new RegExp(`${after.networks[0]?.ipAddress}\\t${id.slice(0, 12)}\nnameserver 127.0.0.11\n`),
    )
    await t.remove(id)
    await network.remove({ id: 'next' }, { signal })
  })

  it('that is taken names the program that holds it in either mode', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    await expect(t.run({ ports: [{ containerPort: 80, hostIp: '127.0.0.1', hostPort: port }] })).rejects.toMatchObject({
      reason: 'port.in-use',
      message: expect.stringContaining(`pid ${process.pid}`),
      details: { port, holder: expect.stringContaining(`pid ${process.pid}`), nextFree: expect.any(Number) },
    })
    server.close()
  })
})

describe.skipIf(process.getuid?.() !== 0)('a published port with root (rules of the kernel are for root alone)', () => {
  it('tells the container who asks, when it is another machine', async () => {
    const { id, ports } = await publish([{ containerPort: 9000 }])
    const machine = makeMachine('198.18.77.1', '198.18.77.2')
    try {
      const script = `require('net').connect(${ports[0]?.hostPort}, '198.18.77.1', function () { this.end('hey') }).on('data', (text) => console.log(String(text))).on('error', console.log)`
      expect(machine.run(script)).toBe('::ffff:198.18.77.2 3')
    } finally {
      machine.remove()
      await t.remove(id)
    }
  })

  it('is closed to other machines when it was published to this one alone, and so is what was not published', async () => {
    const { id, ports } = await publish([{ containerPort: 9000, hostIp: '127.0.0.1' }])
    const { ipAddress } = await t.inspect(id)
    const machine = makeMachine('198.18.77.1', '198.18.77.2')
    try {
      const tryIt = (host: string, port: number) =>
        machine.run(
          `require('net').connect(${port}, '${host}', () => (console.log('open'), process.exit())).on('error', (e) => (console.log(e.code), process.exit())); setTimeout(() => (console.log('silent'), process.exit()), 1000)`,
        )
      expect(tryIt('198.18.77.1', ports[0]?.hostPort ?? 0)).toBe('ECONNREFUSED')
      expect(tryIt(ipAddress, 9000)).toBe('silent')
    } finally {
      machine.remove()
      await t.remove(id)
    }
  })

  it('comes back after all rules of the machine were flushed', async () => {
    const { id, ports } = await publish([{ containerPort: 9000 }])
    const nft = (...args: string[]) => execFileSync('nft', args).toString()
    const tables = () => nft('list', 'tables').match(/table ip slipway-\w+/g) ?? []
    const element = `tcp . ${ports[0]?.hostPort} :`
    // Other engines may run on this machine: only the table that serves this port is ours to delete.
    const rules = () =>
      tables()
        .map((name) => nft('list', ...name.split(' ')))
        .find((text) => text.includes(element)) ?? ''
    const ours = /table ip slipway-\w+/.exec(rules())?.[0] ?? ''
    expect(ours).not.toBe('')
    nft('delete', ...ours.split(' '))
    await expect.poll(rules, { timeout: 5000 }).toContain(element)
    await t.remove(id)
    expect(rules()).toBe('')
  })

  it('leads a UDP client that keeps its port to the container that has it now', async () => {
    const first = await publish([{ containerPort: 9000, protocol: 'udp' }])
    const hostPort = first.ports[0]?.hostPort ?? 0
    const machine = makeMachine('198.18.78.1', '198.18.78.2')
    const askFor = (milliseconds: number) =>
      machine.run(`const s = require('dgram').createSocket('udp4'); s.bind(7777, () => s.send('x', ${hostPort}, '198.18.78.1'))
        s.on('message', (m) => (console.log(String(m)), process.exit())); setTimeout(() => (console.log('silent'), process.exit()), ${milliseconds})`)
    try {
      expect(askFor(8000)).toBe('198.18.78.2 x')
      await t.remove(first.id)
      expect(askFor(1500)).toBe('silent')
      const { id } = await publish([{ containerPort: 9000, protocol: 'udp', hostPort }])
      expect(askFor(8000)).toBe('198.18.78.2 x')
      await t.remove(id)
    } finally {
      machine.remove()
    }
  })

  it('is reached by a container through the address of its host, its own included', async () => {
    const { id, pid, ports, gateway } = await publish([{ containerPort: 9000 }])
    const other = await t.run()
    for (const from of [pid, other.pid]) {
      const script = `require('net').connect(${ports[0]?.hostPort}, '${gateway}', function () { this.end('hey') }).on('data', (text) => console.log(String(text))).on('error', console.log)`
      const inside = runInside(from, t.test.config.mode, script)
      running.push(inside)
      expect(await inside.line()).toMatch(/ 3$/)
    }
    await t.remove(other.id)
    await t.remove(id)
  })
})

function ask(type: 'udp4' | 'udp6', host: string, port: number, text: string): Promise<string> {
  const socket = dgram.createSocket(type)
  return new Promise<string>((resolve, reject) => {
    const send = () => socket.send(text, port, host)
    const again = setInterval(send, 500)
    const end = setTimeout(() => (clearInterval(again), reject(new Error(`no answer from ${host}`))), 8000)
    socket.on('message', (answer) => {
      clearInterval(again)
      clearTimeout(end)
      resolve(answer.toString())
    })
    send()
  }).finally(() => socket.close())
}

function sendAndEnd(host: string, port: number, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, allowHalfOpen: true }, () => socket.end(Buffer.alloc(bytes)))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    socket.setTimeout(8000, () => socket.destroy(new Error('no answer')))
  })
}
