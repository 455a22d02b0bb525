import * as dns from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { answerQuestion } from '../../../../engine/keeper/network/dns/answer.ts'
import { frame, parseUpstream, takeFrames } from '../../../../engine/keeper/network/dns/forward.ts'
import { createZone, reverseName } from '../../../../engine/keeper/network/dns/zones.ts'

const host = (ipv4: string, ...names: string[]) => ({ names, ipv4, ipv6: '', ports: [] })
const LONG = 'x'.repeat(64)
const view = {
  own: createZone('', [{ ...host('10.0.0.9', 'db'), ports: ['3306/tcp'] }]),
  zones: [
    createZone('front', [
      { ...host('10.0.0.2', 'web', 'pool', 'Pool'), ports: ['80/tcp', '53/udp'] },
      { ...host('10.0.0.3', 'api', 'pool'), ipv6: 'fd00::3', ports: ['80/tcp'] },
      host('10.0.0.4', 'idle', 'pool'),
      { ...host('10.0.0.5', LONG, '0123456789ab', 'long'), ports: ['80/tcp'] },
    ]),
    createZone('back', [host('10.1.0.2', 'web')]),
  ],
}
const query = (name: string, type = 'A') =>
  dns.encode({ id: 7, type: 'query', flags: dns.RECURSION_DESIRED, questions: [{ name, type }], answers: [] })
const options = { isForwarding: true, isStream: false, rotate: () => 0 }
const ask = (name: string, type = 'A', more: object = {}) => {
  const outcome = answerQuestion(query(name, type), view, { ...options, ...more })
  if (typeof outcome === 'string') return outcome
  const packet = dns.decode(outcome)
  expect(packet.id).toBe(7)
  return { rcode: packet.rcode, data: packet.answers.map(({ data }) => data) }
}
const decode = (outcome: unknown) => {
  expect(outcome).toBeInstanceOf(Buffer)
  return dns.decode(outcome as Buffer)
}
const service = (port: number, target: string) => ({ priority: 0, weight: 1, port, target })

describe('the embedded DNS', () => {
  it('answers from the first network that knows the name, without regard to case', () => {
    expect(ask('Web')).toEqual({ rcode: 'NOERROR', data: ['10.0.0.2'] })
    expect(ask('web.back')).toEqual({ rcode: 'NOERROR', data: ['10.1.0.2'] })
    expect(ask('db')).toEqual({ rcode: 'NOERROR', data: ['10.0.0.9'] })
  })

  it('brings shared names in another order each time', () => {
    expect(ask('pool', 'A', { rotate: () => 1 })).toMatchObject({ data: ['10.0.0.3', '10.0.0.4', '10.0.0.2'] })
  })

  it('has nothing to say of a known name’s other records, and does not ask outside for them', () => {
    expect(ask('web', 'AAAA')).toEqual({ rcode: 'NOERROR', data: [] })
    expect(ask('web', 'TXT')).toEqual({ rcode: 'NOERROR', data: [] })
  })

  it('names an address in reverse, by a name that fits into DNS', () => {
    expect(ask('2.0.0.10.in-addr.arpa', 'PTR')).toEqual({ rcode: 'NOERROR', data: ['web.front'] })
    expect(ask('5.0.0.10.in-addr.arpa', 'PTR')).toEqual({ rcode: 'NOERROR', data: ['0123456789ab.front'] })
    expect(reverseName('fd00::1')).toBe(`1${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`)
  })

  it('sends what it does not know outside, or says that there is no such name', () => {
    expect(ask('example.org')).toBe('forward')
    expect(ask('example.org', 'A', { isForwarding: false })).toEqual({ rcode: 'NXDOMAIN', data: [] })
  })

  it('takes no answer and no noise for a question', () => {
    const response = dns.encode({ id: 1, type: 'response', flags: 0, questions: [], answers: [] })
    for (const noise of [response, Buffer.alloc(0), Buffer.from('nonsense'), Buffer.alloc(12)])
      expect(answerQuestion(noise, view, options)).toBe('drop')
  })

  it('cuts an answer that does not fit into a datagram, and gives it whole over a stream', () => {
    const hosts = Array.from({ length: 60 }, (_, index) => host(`10.2.0.${index}`, 'many'))
    const many = { own: createZone('', []), zones: [createZone('n', hosts)] }
    const short = answerQuestion(query('many'), many, options)
    const long = answerQuestion(query('many'), many, { ...options, isStream: true })
    expect(short).toBeInstanceOf(Buffer)
    expect((short as Buffer).length).toBeLessThanOrEqual(512)
    expect(dns.decode(short as Buffer).flags & dns.TRUNCATED_RESPONSE).not.toBe(0)
    expect(dns.decode(long as Buffer).answers).toHaveLength(60)
  })

  it('names the containers of a service and its port, each with its addresses, each first in turn', () => {
    const packet = decode(answerQuestion(query('_HTTP._tcp.pool', 'SRV'), view, options))
    expect(packet.answers).toMatchObject(
      ['web.front', 'api.front'].map((target) => ({ name: '_HTTP._tcp.pool', type: 'SRV', data: service(80, target) })),
    )
    expect(packet.additionals).toMatchObject([
      { name: 'web.front', type: 'A', data: '10.0.0.2' },
      { name: 'api.front', type: 'A', data: '10.0.0.3' },
      { name: 'api.front', type: 'AAAA', data: 'fd00::3' },
    ])
    const turned = [service(80, 'api.front'), service(80, 'web.front')]
    expect(ask('_80._tcp.pool.front', 'SRV', { rotate: () => 1 })).toEqual({ rcode: 'NOERROR', data: turned })
    expect(ask('_domain._udp.web', 'SRV')).toMatchObject({ data: [service(53, 'web.front')] })
    expect(ask('_mysql._tcp.db', 'SRV')).toMatchObject({ data: [service(3306, 'db')] })
    expect(ask('_http._tcp.long', 'SRV')).toMatchObject({ data: [service(80, '0123456789ab.front')] })
  })

  it('has nothing to say of a service that a known name does not have, and asks outside for names it does not know', () => {
    const nothing = { rcode: 'NOERROR', data: [] }
    for (const name of ['_http._udp.web', '_8080._tcp.web', '_nonsense._tcp.web', '_http._tcp.idle', 'web'])
      expect(ask(name, 'SRV'), name).toEqual(nothing)
    expect(ask('_http._tcp.web', 'A')).toEqual(nothing)
    expect(ask('_http._tcp.example.org', 'SRV')).toBe('forward')
    expect(ask('_http.web', 'SRV')).toBe('forward')
    expect(ask('_http._tcp.example.org', 'SRV', { isForwarding: false })).toEqual({ rcode: 'NXDOMAIN', data: [] })
  })

  it('leaves addresses out before it cuts the servers of a service', () => {
    const zoneOf = (count: number) => ({
      own: createZone('', []),
      zones: [
        createZone(
          'n',
          Array.from({ length: count }, (_, index) => ({
            ...host(`10.2.0.${index}`, `s${index}`, 'many'),
            ports: ['80/tcp'],
          })),
        ),
      ],
    })
    const askMany = (count: number, isStream = false) =>
      decode(answerQuestion(query('_http._tcp.many', 'SRV'), zoneOf(count), { ...options, isStream }))
    expect(askMany(2).additionals).toHaveLength(2)
    expect(askMany(9)).toMatchObject({ answers: { length: 9 }, additionals: [] })
    expect(askMany(9).flags & dns.TRUNCATED_RESPONSE).toBe(0)
    expect(askMany(60)).toMatchObject({ answers: [], additionals: [] })
    expect(askMany(60).flags & dns.TRUNCATED_RESPONSE).not.toBe(0)
    expect(askMany(60, true)).toMatchObject({ answers: { length: 60 }, additionals: { length: 60 } })
  })

  it('reads resolvers with a port, and messages from a stream in pieces', () => {
    expect(parseUpstream('9.9.9.9')).toEqual({ host: '9.9.9.9', port: 53 })
    expect(parseUpstream('::1#5353')).toEqual({ host: '::1', port: 5353 })
    const bytes = Buffer.concat([frame(Buffer.from('ab')), frame(Buffer.from('cde')).subarray(0, 3)])
    const { frames, rest } = takeFrames(bytes)
    expect(frames.map(String)).toEqual(['ab'])
    expect(rest).toHaveLength(3)
  })
})
