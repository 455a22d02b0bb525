import dgram from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createForwarder } from '../../../../../engine/keeper/network/dns/forward.ts'

/** The kernel refuses to connect to it without SO_BROADCAST, as it does to any address while there is no network. */
const UNREACHABLE = '255.255.255.255'
const QUESTION = Buffer.from('abcd01000001000000000000026f6e026c650000010001', 'hex')

test('a resolver that cannot even be tried is passed over, and without another there is no answer', async () => {
  const { ask } = createForwarder()
  for (const isStream of [false, true]) expect(await ask(QUESTION, { upstreams: [UNREACHABLE], isStream })).toBeNull()
  const server = dgram.createSocket('udp4').on('message', (question, from) => {
    server.send(question, from.port, from.address)
  })
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const answer = await ask(QUESTION, { upstreams: [UNREACHABLE, `127.0.0.1#${port}`], isStream: false })
    expect(answer).toEqual(QUESTION)
  } finally {
    server.close()
  }
})
