import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrafficSample } from '../../../engine/contract/network.ts'
import { atBridges } from '../../../renderer/features/topology/commands.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { runInside } from '../../helpers/inside.ts'

const context = { signal: new AbortController().signal }
const ECHO_BYTES = 1_000_000
const ECHO = `require('net').createServer((c) => c.on('error', () => {}).pipe(c)).listen(9001, '0.0.0.0', () => console.log('ready'))`
let t: NetworkTest

beforeAll(async () => {
  t = await startNetworkTest()
})
afterAll(async () => {
  await t?.test.destroy()
})

/** Tables of the engine's that count, where bridges are. */
async function atBridgesRun(command: string): Promise<string> {
  const info = await t.handlers().system.info({}, context)
  return execFileSync('sh', ['-c', `${atBridges(info)}${command}`]).toString()
}
async function countingTables(): Promise<string[]> {
  const tables = await atBridgesRun('nft list tables')
  return tables.split('\n').filter((line) => /slipway-\w+-count$/.test(line))
}

/** Sends bytes and waits until all of them have come back. */
async function echo(host: string, port: number): Promise<void> {
  const socket = net.connect({ port, host, allowHalfOpen: true })
  socket.end(Buffer.alloc(ECHO_BYTES))
  let bytes = 0
  for await (const chunk of socket) bytes += (chunk as Buffer).length
  expect(bytes).toBe(ECHO_BYTES)
}

async function* nothing(): AsyncGenerator<never> {}

describe('traffic through published ports', () => {
  it('is counted whoever carries it, by rules that are there only while somebody asks', async () => {
    const { id, pid, ports } = await t.run({
      ports: ['0.0.0.0', '::1'].map((hostIp) => ({ containerPort: 9001, hostIp })),
    })
    const server = runInside(pid, t.test.config.mode, ECHO)
    expect(await server.line()).toBe('ready')
    const portOn = (address: string) => ports.find(({ hostIp }) => hostIp === address)?.hostPort ?? 0
    expect(await countingTables()).toEqual([])
    const stop = new AbortController()
    const samples = t.handlers().network.traffic({}, { signal: stop.signal, up: nothing() })
    const iterator = samples[Symbol.asyncIterator]()
    const next = async () => ((await iterator.next()).value as TrafficSample) ?? expect.fail('no sample came')
    const bytesOf = ({ containers }: TrafficSample) =>
      containers.find((one) => one.id === id)?.published.bytes ?? expect.fail('no bytes were counted')
    expect(bytesOf(await next())).toEqual({ received: 0, sent: 0 })
    expect(await countingTables()).toHaveLength(1)

    await echo('127.0.0.1', portOn('0.0.0.0'))
    const led = await next()
    for (const bytes of Object.values(bytesOf(led))) {
      expect(bytes).toBeGreaterThanOrEqual(ECHO_BYTES)
      expect(bytes).toBeLessThan(1.2 * ECHO_BYTES)
    }
    const [bridge] = led.bridges
    expect(bridge?.received).toBeGreaterThanOrEqual(ECHO_BYTES)
    expect(bridge?.sent).toBeGreaterThanOrEqual(ECHO_BYTES)

    // No rule leads from IPv6 to IPv4: it is the proxy that does, in either mode.
    await echo('::1', portOn('::1'))
    const relayed = bytesOf(await next())
    expect(relayed.received - bytesOf(led).received).toBe(ECHO_BYTES)
    expect(relayed.sent - bytesOf(led).sent).toBe(ECHO_BYTES)

    // Somebody takes them away, and nothing of anybody else's: these are the rules of this machine.
    for (const table of await countingTables()) await atBridgesRun(`nft delete ${table}`)
    await waitUntil(async () => (await countingTables()).length === 0, 'the rules to be gone')
    await next()
    await waitUntil(async () => (await next(), (await countingTables()).length === 1), 'rules that count again')

    stop.abort()
    await waitUntil(async () => (await countingTables()).length === 0, 'rules that nobody needs to go')
    await server.end()
    await t.remove(id)
  })
})
