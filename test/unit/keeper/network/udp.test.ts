import dgram from 'node:dgram'
import { once } from 'node:events'
import os from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { answerFrom } from '../../../../engine/keeper/libc/datagram.ts'
import { closeListener, openListener } from '../../../../engine/keeper/libc/listen.ts'
import type { Loop } from '../../../../engine/keeper/network/proxy/loop.ts'
import { createUdpRelay } from '../../../../engine/keeper/network/proxy/udp.ts'

const hasIpv6 = Object.values(os.networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'))
const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
})

/** A loop that is turned by hand, with a clock that is set by hand. */
function createHandLoop() {
  const handlers = new Map<number, (events: number) => void>()
  const timers: { at: number; work: () => void }[] = []
  let time = 0
  const loop = {
    watch: (fd, _, on) => void handlers.set(fd, on),
    close: (fd) => void (handlers.delete(fd) && closeListener(fd)),
    after: (ms, work) => void timers.push({ at: time + ms, work }),
  } as Pick<Loop, 'watch' | 'close' | 'after'> as Loop
  return {
    loop,
    now: () => time,
    descriptors: () => handlers.size,
    turn: () => [...handlers.values()].forEach((on) => on(1)),
    pass(ms: number) {
      const end = time + ms
      const next = () => timers.sort((a, b) => a.at - b.at).find(({ at }) => at <= end)
      for (let timer = next(); timer; timer = next()) {
        time = timer.at
        timers.shift()
        timer.work()
      }
      time = end
    },
  }
}

/** A relay at all addresses of one version in front of a server that answers `NAME of CLIENT`. */
async function startRelay(host: '0.0.0.0' | '::' = '0.0.0.0') {
  const hand = createHandLoop()
  const server = dgram.createSocket('udp4').on('message', (text, { port, address }) => {
    server.send(`${text} of ${port}`, port, address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const { fd, port } = openListener('udp', host, 0)
  const relay = createUdpRelay(
    hand.loop,
    { fd, containerIp: '127.0.0.1', containerPort: server.address().port },
    hand.now,
  )
  const turning = setInterval(hand.turn, 5)
  ended.push(
    () => clearInterval(turning),
    () => relay.close(),
    () => server.close(),
  )
  return { ...hand, relay, port }
}

/** Asks as programs do that take answers from their partner alone; a socket can be used for several questions. */
async function ask(address: string, port: number) {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.connect(port, address)
  await once(socket, 'connect')
  ended.push(() => socket.close())
  return async (text: string) => {
    socket.send(text)
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(2000) })
    return String(answer)
  }
}

describe('the UDP proxy', () => {
  it('answers from the address that was asked', async () => {
    const { port } = await startRelay()
    for (const address of ['127.0.0.1', '127.0.0.2', '127.77.0.3'])
      expect(await (await ask(address, port))('who')).toMatch(/^who of /)
  })

  it.skipIf(!hasIpv6)('answers over IPv6 for a container that has IPv4 alone', async () => {
    const { port } = await startRelay('::')
    expect(await (await ask('::1', port))('six')).toMatch(/^six of /)
  })

  it('takes datagrams of a client for one flow, whoever else asks in between, and at two addresses for two', async () => {
    const { port, relay } = await startRelay()
    const [first, second] = [await ask('127.0.0.1', port), await ask('127.0.0.2', port)]
    const answers = [await first('a'), await second('a'), await first('a'), await second('a')]
    expect(answers[2]).toBe(answers[0])
    expect(answers[3]).toBe(answers[1])
    expect(answers[1]).not.toBe(answers[0])
    expect(relay.count().connections).toBe(2)
  })

  it('forgets a client that was silent for 90 seconds, and no other', async () => {
    const { port, relay, pass, descriptors } = await startRelay()
    const [silent, busy] = [await ask('127.0.0.1', port), await ask('127.0.0.1', port)]
    const before = [await silent('a'), await busy('b')]
    expect(descriptors()).toBe(3)
    pass(60_000)
    expect(await busy('b')).toBe(before[1])
    pass(29_000)
    expect(relay.count().connections).toBe(2)
    pass(12_000)
    expect(relay.count().connections).toBe(1)
    expect(descriptors()).toBe(2)
    expect(await busy('b')).toBe(before[1])
    // It comes again as a new one.
    expect(await silent('a')).not.toBe(before[0])
    pass(200_000)
    expect([relay.count().connections, descriptors()]).toEqual([0, 1])
  })
})

describe('where an answer leaves from', () => {
  const head = (bytes: number, level: number, type: number) => {
    const control = Buffer.alloc(16 + bytes)
    control.writeUInt32LE(control.length, 0)
    control.writeInt32LE(level, 8)
    control.writeInt32LE(type, 12)
    return control
  }
  const six = (address: string, index: number) => {
    const control = head(20, 41, 50)
    Buffer.from(address, 'hex').copy(control, 16)
    control.writeUInt32LE(index, 32)
    return control
  }

  it('is the address that was asked, by whichever interface the routes say', () => {
    const control = head(12, 0, 8)
    control.writeInt32LE(7, 16)
    control.set([10, 0, 0, 9], 20)
    control.set([10, 0, 0, 255], 24)
    expect([...answerFrom(control).subarray(16)]).toEqual([0, 0, 0, 0, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0])
    const answer = answerFrom(six('fd000000000000000000000000000009', 7))
    expect(answer.subarray(16, 32).toString('hex')).toBe('fd000000000000000000000000000009')
    expect(answer.readUInt32LE(32)).toBe(0)
  })

  it('is by the interface that was asked where others have the same address', () => {
    expect(answerFrom(six('fe800000000000000000000000000009', 7)).readUInt32LE(32)).toBe(7)
  })

  it('is left to the kernel where nobody has said, and where many have the address', () => {
    expect(answerFrom(Buffer.alloc(0))).toHaveLength(0)
    expect(answerFrom(six('ff020000000000000000000000000001', 7))).toHaveLength(0)
  })
})
