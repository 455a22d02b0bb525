import * as dns from 'dns-packet'
import { findHosts, findReverse, type View } from './zones.ts'

const TTL_SECONDS = 600
const NXDOMAIN = 3
export const SERVFAIL = 2
export const REFUSED = 5
/** What fits into an answer without EDNS. */
const PLAIN_BYTES = 512

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
  const answers = answersFor(question, view, options.rotate)
  if (!answers) return options.isForwarding ? 'forward' : respond(packet, [], NXDOMAIN)
  const whole = respond(packet, answers, 0)
  if (options.isStream || whole.length <= payloadLimit(packet)) return whole
  return respond(packet, [], dns.TRUNCATED_RESPONSE)
}

/** An answer that says no more than why there is none. */
export function failQuestion(query: Uint8Array, rcode: number): Buffer | null {
  const packet = read(query)
  return packet && respond(packet, [], rcode)
}

/** Records for a name of ours, none when the name is known but has no such record; `null` when it is not ours. */
function answersFor(question: dns.Question, view: View, rotate: () => number): dns.Answer[] | null {
  const { name, type } = question
  const record = (data: string): dns.Answer => ({ name, type, ttl: TTL_SECONDS, class: 'IN', data })
  if (type === 'PTR') {
    const found = findReverse(view, name)
    return found === null ? null : [record(found)]
  }
  const hosts = findHosts(view, name)
  if (!hosts) return null
  if (type !== 'A' && type !== 'AAAA') return []
  const addresses = hosts.map(({ ipv4, ipv6 }) => (type === 'A' ? ipv4 : ipv6)).filter(Boolean)
  const turn = addresses.length > 1 ? rotate() % addresses.length : 0
  return [...addresses.slice(turn), ...addresses.slice(0, turn)].map(record)
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

function respond(query: dns.Packet, answers: readonly dns.Answer[], flags: number): Buffer {
  const hasEdns = query.additionals?.some(({ type }) => type === 'OPT')
  return dns.encode({
    id: query.id,
    type: 'response',
    flags: (query.flags & dns.RECURSION_DESIRED) | dns.RECURSION_AVAILABLE | flags,
    questions: query.questions,
    answers,
    additionals: hasEdns ? [{ name: '.', type: 'OPT', udpPayloadSize: 4096, flags: 0 }] : [],
  })
}
