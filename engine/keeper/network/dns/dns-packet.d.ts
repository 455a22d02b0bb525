/** The part of dns-packet 5 that is used here; the package has no types of its own. */
declare module 'dns-packet' {
  export interface Question {
    readonly name: string
    readonly type: string
    readonly class?: string
  }
  export interface Service {
    readonly priority: number
    readonly weight: number
    readonly port: number
    readonly target: string
  }
  export interface Answer {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    readonly class?: string
    readonly data?: string | Service
    readonly udpPayloadSize?: number
    readonly flags?: number
  }
  export interface Packet {
    readonly id: number
    readonly type: 'query' | 'response'
    readonly flags: number
    readonly opcode?: string
    readonly rcode?: string
    readonly questions: readonly Question[]
    readonly answers: readonly Answer[]
    readonly additionals?: readonly Answer[]
  }
  export const RECURSION_DESIRED: number
  export const RECURSION_AVAILABLE: number
  export const AUTHORITATIVE_ANSWER: number
  export const TRUNCATED_RESPONSE: number
  export function encode(packet: Packet): Buffer
  export function decode(bytes: Uint8Array): Packet
}
