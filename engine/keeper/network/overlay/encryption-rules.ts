import { isIPv6 } from 'node:net'
import type { EncryptedPeer, EncryptionParams } from '../../../host/network.ts'
import { VXLAN_PORT } from './batch.ts'

/*
 * Encrypted networks: ESP in transport mode between two hosts that both have containers on one. The kernel's policies
 * are of the whole path (UDP 4789 from host to host) and demand ESP both ways, so that nothing goes out plain when a
 * rule is missing, and a plain packet with the peer's address is dropped by the kernel itself. What comes plain from
 * anywhere else with the number of an encrypted network, or would leave plain because somebody took the policies away
 * (other IPsec programs flush them), is dropped by rules that look at the VNI:
 *
 *   UDP header (8 bytes) · VXLAN flags (4 bytes) · VNI (3 bytes) · 0      → 24 bits at bit 96 of the transport header
 */
const AEAD = 'rfc4106(gcm(aes))'
const ICV_BITS = 128

const selector = (from: string, to: string) => {
  const bits = isIPv6(from) ? 128 : 32
  return `src ${from}/${bits} dst ${to}/${bits} proto udp dport ${VXLAN_PORT}`
}
/** The state's number in policies: both directions of a peer have one, so that no other peer's packets will do. */
const REQUEST = 0x5110

interface Way {
  readonly from: string
  readonly to: string
  readonly spi: number
  readonly key: string
  readonly direction: 'in' | 'out'
}

const waysOf = (local: string, { host, spiIn, spiOut, keyIn, keyOut }: EncryptedPeer): Way[] => [
  { from: local, to: host, spi: spiOut, key: keyOut, direction: 'out' },
  { from: host, to: local, spi: spiIn, key: keyIn, direction: 'in' },
]

const idOf = ({ from, to, spi }: Way) => `src ${from} dst ${to} proto esp spi 0x${spi.toString(16)}`

/** Line for `ip -batch` that adds a state. */
const addState = (way: Way) =>
  `xfrm state add ${idOf(way)} reqid ${REQUEST} mode transport aead "${AEAD}" 0x${way.key} ${ICV_BITS}`
const setPolicy = ({ from, to, direction }: Way) =>
  `xfrm policy update ${selector(from, to)} dir ${direction} tmpl src ${from} dst ${to} proto esp reqid ${REQUEST} mode transport`
const deletePolicy = ({ from, to, direction }: Way) => `xfrm policy delete ${selector(from, to)} dir ${direction}`

/** `ip -batch` lines that make a path encrypted. Policies come first: better no packet than a plain one. */
export function encryptBatch(local: string, peer: EncryptedPeer): { policies: string; states: string } {
  const ways = waysOf(local, peer)
  return { policies: lines(ways.map(setPolicy)), states: lines(ways.map(addState)) }
}

/** Lines that take it away, each to be run whatever became of the one before. */
export function decryptLines(local: string, peer: EncryptedPeer): { policies: string[]; states: string[] } {
  const ways = waysOf(local, peer)
  return { policies: ways.map(deletePolicy), states: ways.map((way) => `xfrm state delete ${idOf(way)}`) }
}

/** A state between two addresses of nobody, to learn whether the kernel has ESP. */
export function probeLines(): { add: string; remove: string } {
  const way: Way = { from: '192.0.2.1', to: '192.0.2.2', spi: 0x5110, key: '00'.repeat(36), direction: 'out' }
  return { add: `${addState(way)}\n`, remove: `xfrm state delete ${idOf(way)}\n` }
}

/** The table that drops what comes or goes plain, made anew as one transaction; without networks it goes. */
export function plainDropTable(table: string, vnis: EncryptionParams['vnis']): string {
  const remove = `table inet ${table} {}\ndelete table inet ${table}\n`
  if (vnis.length === 0) return remove
  return `${remove}table inet ${table} {
  set encrypted {
    typeof @th,96,24
    elements = { ${[...vnis].sort((a, b) => a - b).join(', ')} }
  }
  chain input {
    type filter hook input priority filter; policy accept;
    udp dport ${VXLAN_PORT} meta ipsec missing @th,96,24 @encrypted counter drop
  }
  chain output {
    type filter hook output priority filter; policy accept;
    udp dport ${VXLAN_PORT} rt ipsec missing @th,96,24 @encrypted counter drop
  }
}
`
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')
