import dgram from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createForwarder, frame, takeFrames } from '../../../../../engine/keeper/network/dns/forward.ts'

/** The kernel refuses to connect to it without SO_BROADCAST, as it does to any address while there is no network. */
const UNREACHABLE = '255.255.255.255'
const QUESTION = Buffer.from('abcd01000001000000000000026f6e026c650000010001', 'hex')
const TRUNCATED = 0x8380
const [NOERROR, SERVFAIL, NXDOMAIN, REFUSED] = [0x8180, 0x8182, 0x8183, 0x8185]

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
})

/** The question as an answer, with the flags and a byte at the end that says whose it is. */
function answerTo(question: Buffer, flags: number, mark: number): Buffer {
  const answer = Buffer.concat([question, Buffer.from([mark])])
  answer.writeUInt16BE(flags, 2)
  return answer
}

/** A resolver on a port of its own; without flags it never answers. Its questions are counted. */
async function startResolver(flags: number | null, { mark = 0, host = '127.0.0.1' } = {}) {
  const asked = { datagrams: 0, streams: 0 }
  const server = dgram.createSocket('udp4').on('message', (question, from) => {
    asked.datagrams += 1
    if (flags !== null) server.send(answerTo(question, flags, mark), from.port, from.address)
  })
  server.bind(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const streams = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const [question] = takeFrames(chunk).frames
      asked.streams += 1
      // Over a stream there is room for all of it.
      if (question && flags !== null)
        socket.write(frame(answerTo(question, flags === TRUNCATED ? NOERROR : flags, mark)))
    })
  })
  streams.listen(port, host)
  await once(streams, 'listening')
  ended.push(
    () => server.close(),
    () => streams.close(),
  )
  return { upstream: `${host}#${port}`, asked }
}

/** What a forwarder brings: the flags and whose answer it is, under the id of the question. */
async function ask(
  upstreams: readonly string[],
  { isStream = false, forwarder = createForwarder({ timeoutMs: 500 }) } = {},
) {
  const answer = await forwarder.ask(QUESTION, { upstreams, isStream })
  if (!(answer instanceof Buffer)) return answer
  expect(answer.subarray(0, 2)).toEqual(QUESTION.subarray(0, 2))
  return { flags: answer.readUInt16BE(2), mark: answer.at(-1) }
}

describe('a question that is sent on', () => {
  test.each([false, true])(
    'goes to the next resolver when one is dead or cannot even be tried (stream: %s)',
    async (isStream) => {
      const [silent, good] = [await startResolver(null), await startResolver(NOERROR, { mark: 7 })]
      expect(await ask([UNREACHABLE], { isStream })).toBeNull()
      expect(await ask(['127.0.0.1#1', UNREACHABLE, silent.upstream], { isStream })).toBeNull()
      expect(await ask([UNREACHABLE, good.upstream], { isStream })).toEqual({ flags: NOERROR, mark: 7 })
      expect(await ask(['127.0.0.1#1', good.upstream], { isStream })).toEqual({ flags: NOERROR, mark: 7 })
      expect(await ask([silent.upstream, good.upstream], { isStream })).toEqual({ flags: NOERROR, mark: 7 })
      expect(isStream ? silent.asked.streams : silent.asked.datagrams).toBe(2)
    },
  )

  test('goes to the next when one refuses or fails, and what the last one says is passed on', async () => {
    const [refusing, failing] = [await startResolver(REFUSED, { mark: 1 }), await startResolver(SERVFAIL, { mark: 2 })]
    const good = await startResolver(NOERROR, { mark: 3 })
    expect(await ask([refusing.upstream, failing.upstream, good.upstream])).toEqual({ flags: NOERROR, mark: 3 })
    expect(await ask([failing.upstream, refusing.upstream])).toEqual({ flags: REFUSED, mark: 1 })
    expect(await ask([refusing.upstream, failing.upstream])).toEqual({ flags: SERVFAIL, mark: 2 })
    expect(await ask([refusing.upstream, '127.0.0.1#1'])).toEqual({ flags: REFUSED, mark: 1 })
  })

  test('is answered by the first that says there is no such name, and three are asked at most', async () => {
    const none = await startResolver(NXDOMAIN, { mark: 4 })
    const good = await startResolver(NOERROR)
    expect(await ask([none.upstream, good.upstream])).toEqual({ flags: NXDOMAIN, mark: 4 })
    const failing = (await startResolver(SERVFAIL)).upstream
    expect(await ask([failing, failing, failing, good.upstream])).toMatchObject({ flags: SERVFAIL })
    expect(good.asked).toEqual({ datagrams: 0, streams: 0 })
  })

  test('has an answer that was cut passed on as cut, and whole when it is asked over a stream', async () => {
    const resolver = await startResolver(TRUNCATED, { mark: 5 })
    expect(await ask([resolver.upstream])).toEqual({ flags: TRUNCATED, mark: 5 })
    expect(resolver.asked).toEqual({ datagrams: 1, streams: 0 })
    expect(await ask([resolver.upstream], { isStream: true })).toEqual({ flags: NOERROR, mark: 5 })
    expect(resolver.asked).toEqual({ datagrams: 1, streams: 1 })
  })

  test('is refused when a thousand are on their way', async () => {
    const forwarder = createForwarder({ timeoutMs: 300 })
    const silent = await startResolver(null)
    const all = Array.from({ length: 1025 }, () => ask([silent.upstream], { forwarder }))
    expect(await all.at(-1)).toBe('busy')
    expect((await Promise.all(all)).filter((answer) => answer === 'busy')).toHaveLength(1)
  })

  test('goes to the machine’s own resolvers of the moment, as their file changes', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'slr-'))
    ended.push(() => rmSync(folder, { recursive: true }))
    const resolvConf = path.join(folder, 'resolv.conf')
    const forwarder = createForwarder({ timeoutMs: 500, resolvConf })
    expect(await ask([], { forwarder })).toBeNull()
    const [home, office] = [await startResolver(NOERROR, { mark: 1 }), await startResolver(NOERROR, { mark: 2 })]
    const write = (file: string, ...upstreams: string[]) =>
      writeFileSync(file, `search lan\n${upstreams.map((upstream) => `nameserver ${upstream}\n`).join('')}`)
    write(resolvConf, home.upstream)
    expect(await ask([], { forwarder })).toEqual({ flags: NOERROR, mark: 1 })
    // As NetworkManager and systemd-resolved do it: another file takes its place.
    write(path.join(folder, 'next'), '127.0.0.1#1', office.upstream)
    renameSync(path.join(folder, 'next'), resolvConf)
    expect(await ask([], { forwarder })).toEqual({ flags: NOERROR, mark: 2 })
    // One that is away for a moment is taken for unchanged.
    rmSync(resolvConf)
    expect(await ask([], { forwarder })).toEqual({ flags: NOERROR, mark: 2 })
  })
})
