import * as dns from 'dns-packet'
import { parseService, type ServiceQuestion } from './services.ts'
import { type Found, findHosts, findReverse, targetName, type View } from './zones.ts'

const TTL_SECONDS = 600
const NXDOMAIN = 3
export const SERVFAIL = 2
export const REFUSED = 5
/** What fits into an answer without EDNS. */
const PLAIN_BYTES = 512

interface Records {
  readonly answers: readonly dns.Answer[]
  readonly additionals: readonly dns.Answer[]
}
const NO_RECORDS: Records = { answers: [], additionals: [] }

/** Bytes to answer with, or `forward`: no name of ours, ask the outside. `drop`: no question at all. */
export type Outcome = Buffer | 'forward' | 'drop'

/** Answers a question from the names that a resolver sees. `rotate` brings the addresses of a name into another order. */
export function answerQuestion(
  query: Uint8Array,
  view: View,
  options: { readonly isForwarding: boolean; readonly isStream: boolean; readonly rotate: () => number },
): Outcome {
  const packet = read(query)
  const question = packet?.questions[0]
  if (!packet || !question) return 'drop'
  const records = recordsFor(question, view, options.rotate)
  if (!records) return options.isForwarding ? 'forward' : respond(packet, NO_RECORDS, NXDOMAIN)
  // What stands beside an answer is left out before the answer is cut (RFC 2181, 9).
  for (const some of [records, { ...records, additionals: [] }]) {
    const whole = respond(packet, some, 0)
    if (options.isStream || whole.length <= payloadLimit(packet)) return whole
  }
  return respond(packet, NO_RECORDS, dns.TRUNCATED_RESPONSE)
}

/** An answer that says no more than why there is none. */
export function failQuestion(query: Uint8Array, rcode: number): Buffer | null {
  const packet = read(query)
  return packet && respond(packet, NO_RECORDS, rcode)
}

/** Records for a name of ours, none when the name is known but has no such record; `null` when it is not ours. */
function recordsFor(question: dns.Question, view: View, rotate: () => number): Records | null {
  const { name, type } = question
  if (type === 'PTR') {
    const target = findReverse(view, name)
    return target === null ? null : { answers: [{ ...record(name, type), data: target }], additionals: [] }
  }
  const found = findHosts(view, name)
  if (found) {
    const isAddress = type === 'A' || type === 'AAAA'
    return isAddress ? { answers: inTurn(addressesOf(found, name, type), rotate), additionals: [] } : NO_RECORDS
  }
  const service = parseService(name)
  const servers = service && findHosts(view, service.name)
  if (!servers) return null
  return type === 'SRV' ? serviceRecords({ ...question, service }, servers, rotate) : NO_RECORDS
}

const record = (name: string, type: string) => ({ name, type, ttl: TTL_SECONDS, class: 'IN' })

function addressesOf({ hosts }: Pick<Found, 'hosts'>, name: string, type: 'A' | 'AAAA'): dns.Answer[] {
  const addresses = hosts.map(({ ipv4, ipv6 }) => (type === 'A' ? ipv4 : ipv6)).filter(Boolean)
  return addresses.map((data) => ({ ...record(name, type), data }))
}

/** One SRV for each container that says it listens on the port, none of them before another, and their addresses beside. */
function serviceRecords(
  { name, service }: { readonly name: string; readonly service: ServiceQuestion },
  { hosts, zone }: Found,
  rotate: () => number,
): Records {
  const port = Number.parseInt(service.port, 10)
  const servers = inTurn(
    hosts.filter(({ ports }) => ports.includes(service.port)),
    rotate,
  ).map((host) => ({ host, target: targetName(host, zone) }))
  return {
    answers: servers.map(({ target }) => ({
      ...record(name, 'SRV'),
      data: { priority: 0, weight: 1, port, target },
    })),
    additionals: servers.flatMap(({ host, target }) => [
      ...addressesOf({ hosts: [host] }, target, 'A'),
      ...addressesOf({ hosts: [host] }, target, 'AAAA'),
    ]),
  }
}

function inTurn<T>(list: readonly T[], rotate: () => number): T[] {
  const turn = list.length > 1 ? rotate() % list.length : 0
  return [...list.slice(turn), ...list.slice(0, turn)]
}

function read(query: Uint8Array): dns.Packet | null {
  try {
    const packet = dns.decode(query)
    return packet.type === 'query' ? packet : null
  } catch {
    return null
  }
}

function payloadLimit({ additionals = [] }: dns.Packet): number {
  const opt = additionals.find(({ type }) => type === 'OPT')
  return Math.max(PLAIN_BYTES, opt?.udpPayloadSize ?? 0)
}

function respond(query: dns.Packet, { answers, additionals }: Records, flags: number): Buffer {
  const hasEdns = query.additionals?.some(({ type }) => type === 'OPT')
  return dns.encode({
    id: query.id,
    type: 'response',
    flags: (query.flags & dns.RECURSION_DESIRED) | dns.RECURSION_AVAILABLE | flags,
    questions: query.questions,
    answers,
    additionals: [...additionals, ...(hasEdns ? [{ name: '.', type: 'OPT', udpPayloadSize: 4096, flags: 0 }] : [])],
  })
}
