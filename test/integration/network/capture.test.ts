import { readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CaptureProgress } from '../../../engine/contract/capture.ts'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { readPcap, readTcp } from '../../helpers/pcap.ts'

const KIB = 1024
let t: NetworkTest
let web: ContainerDetail
let file: string

/** A capture that runs until `stop`, a limit or its container's end; `end` is the last that it said. */
function record(container: string, options: { interface?: string; path?: string; limitBytes?: number } = {}) {
  const heard: CaptureProgress[] = []
  let stop = () => {}
  const asked = new Promise<void>((resolve) => {
    stop = resolve
  })
  async function* up() {
    await asked
    yield { type: 'stop' as const }
  }
  const input = { container, interface: 'eth0', path: file, limitBytes: 10_000 * KIB, ...options }
  const frames = t.handlers().capture.start(input, { signal: new AbortController().signal, up: up() })
  const end = (async () => {
    for await (const frame of frames) heard.push(frame)
    return heard.at(-1)
  })()
  end.catch(() => {})
  return { heard, stop: () => stop(), end }
}
const isRecording = ({ heard }: ReturnType<typeof record>) => waitUntil(() => heard.length > 0, 'the capture to run')
const get = (id: string, what = '/bin/busybox') => t.exec(id, `wget -q -O - http://${web.ipAddress}${what} | wc -c`)

beforeAll(async () => {
  t = await startNetworkTest()
  file = path.join(t.test.config.runtimeDir, 'capture.pcap')
  web = await t.run({ name: 'web', command: ['httpd', '-f', '-p', '80', '-h', '/'] })
})
afterAll(async () => {
  await t?.test.destroy()
})

describe('a capture of a container’s interface', () => {
  it('has every packet both ways, with its time, in a file that others read', async () => {
    const client = await t.run({ name: 'client' })
    const capture = record('client')
    await isRecording(capture)
    const before = Date.now() / 1000
    const size = Number(await get('client'))
    capture.stop()
    const end = await capture.end
    const packets = readPcap(readFileSync(file))
    expect(end).toMatchObject({ state: 'stopped', packets: packets.length, dropped: 0, bytes: statSync(file).size })
    const segments = packets.flatMap((packet) => readTcp(packet) ?? [])
    const first = segments.find(({ isFirst }) => isFirst)
    expect(first).toMatchObject({ source: client.ipAddress, destination: web.ipAddress, port: 80 })
    const sent = segments.filter(({ destination }) => destination === web.ipAddress)
    expect(Buffer.concat(sent.map(({ payload }) => payload)).toString()).toMatch(/^GET \/bin\/busybox HTTP/)
    const received = segments.filter(({ source }) => source === web.ipAddress)
    expect(received.reduce((sum, { payload }) => sum + payload.length, 0)).toBeGreaterThanOrEqual(size)
    for (const { seconds } of packets) expect(Math.abs(seconds - before)).toBeLessThan(60)
    await t.remove('client')
  })

  it('of loopback has each packet once', async () => {
    const capture = record('web', { interface: 'lo' })
    await isRecording(capture)
    await t.exec('web', 'wget -q -O /dev/null http://127.0.0.1/etc/hosts')
    capture.stop()
    await capture.end
    const opened = readPcap(readFileSync(file)).filter((packet) => readTcp(packet)?.isFirst)
    expect(opened).toHaveLength(1)
  })

  it('ends at its limit, and with its container, and leaves a file that is whole', async () => {
    await t.run({ name: 'client' })
    const limited = record('client', { limitBytes: 64 * KIB })
    await isRecording(limited)
    await get('client')
    expect(await limited.end).toMatchObject({ state: 'limit' })
    expect(statSync(file).size).toBeGreaterThanOrEqual(64 * KIB)
    expect(readPcap(readFileSync(file)).length).toBeGreaterThan(2)
    const orphan = record('client')
    await isRecording(orphan)
    await t.remove('client')
    expect(await orphan.end).toMatchObject({ state: 'gone' })
    expect(readPcap(readFileSync(file))).toBeInstanceOf(Array)
  })

  it('is refused with the reason, and leaves no file', async () => {
    rmSync(file, { force: true })
    await expect(record('web', { interface: 'eth7' }).end).rejects.toMatchObject({
      reason: 'capture.no-interface',
      message: expect.stringContaining('it has eth0, lo'),
    })
    const missing = path.join(t.test.config.runtimeDir, 'none/x.pcap')
    await expect(record('web', { path: missing }).end).rejects.toMatchObject({ reason: 'capture.file' })
    await t.create({ name: 'idle' })
    await expect(record('idle').end).rejects.toMatchObject({ reason: 'capture.not-running' })
    await t.run({ name: 'onhost', network: 'host' })
    await expect(record('onhost', { interface: 'lo' }).end).rejects.toMatchObject({ reason: 'capture.on-host' })
    expect(() => statSync(file)).toThrow('ENOENT')
    await Promise.all(['idle', 'onhost'].map((id) => t.remove(id)))
  })
})
