import dgram from 'node:dgram'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { ECHO_SERVERS, type Inside, runInside } from '../../helpers/inside.ts'

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
    const before = (await t.handlers().system.info({}, { signal: AbortSignal.timeout(5000) })).keeperPid
    process.kill(before, 'SIGKILL')
    await expect.poll(() => sendAndEnd('127.0.0.1', port, 11).catch(String), { timeout: 10_000 }).toMatch(/ 11$/)
    await t.remove(id)
    await expect(sendAndEnd('127.0.0.1', port, 1)).rejects.toThrow('ECONNREFUSED')
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
