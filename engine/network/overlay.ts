import { createHmac } from 'node:crypto'
import { EngineError } from '../contract/errors.ts'
import type { Host } from '../host/host.ts'
import type { EncryptedPeer } from '../host/network.ts'
import type { NetworkRecord } from '../store/schema.ts'
import { bridgeParams, createBridgeDriver, mtuOf } from './bridge.ts'
import { readBridgeOptions } from './bridge-options.ts'
import { type NetworkDriver, OPTION } from './driver.ts'

const UNDERLAY_MTU = 1500
/** The kernel has no IPv6 on interfaces whose MTU is smaller. */
const IPV6_MTU = 1280
/** Outer Ethernet, IP, UDP and VXLAN headers over IPv4; IPv6 has 20 bytes more. */
const VXLAN_BYTES = 50
/** ESP with AES-GCM: header, IV, padding and check value; the rest is rounded down to four bytes. */
const ESP_BYTES = 38
/** Docker's first. Lower ones are left to whoever runs VXLAN of their own. */
const FIRST_VNI = 4097
const LAST_VNI = 0xfffffe

type Options = Pick<NetworkRecord, 'options'>
type Versions = Pick<NetworkRecord, 'options' | 'ipv6'>

/** VXLAN network identifier that a network was given, or asks for; 0: none. */
export function vniOf({ options }: Options): number {
  const text = options[OPTION.vni]
  if (text === undefined || text === '') return 0
  const vni = Number(text)
  if (/^\d+$/.test(text) && vni >= 1 && vni <= LAST_VNI) return vni
  throw new EngineError(
    'invalidArgument',
    'network.invalid-option',
    `invalid VXLAN id ${JSON.stringify(text)}: it is one number from 1 to ${LAST_VNI}`,
  )
}

/** The one asked for, or the first that nobody has. */
export function chooseVni(wanted: number, taken: ReadonlySet<number>): number {
  if (wanted && taken.has(wanted))
    throw new EngineError('conflict', 'network.vni-in-use', `VXLAN id ${wanted} is in use by another network`)
  if (wanted) return wanted
  for (let vni = FIRST_VNI; vni <= LAST_VNI; vni += 1) if (!taken.has(vni)) return vni
  throw new EngineError('unavailable', 'network.vnis-exhausted', 'all VXLAN ids are in use')
}

/** Whether traffic between hosts is encrypted: the option `encrypted`, as Docker reads it. */
export const isEncrypted = ({ options }: Options): boolean =>
  OPTION.encrypted in options && options[OPTION.encrypted] !== 'false'

/** MTU of containers: as Docker has it, the option is the MTU between the hosts and the headers go off. */
export function overlayMtu(network: Versions, isIPv6Underlay = false): number {
  const rest = mtuOf(network, UNDERLAY_MTU) - VXLAN_BYTES - (isIPv6Underlay ? 20 : 0)
  const mtu = isEncrypted(network) ? (rest - ESP_BYTES) & ~3 : rest
  const [least, who] = network.ipv6 ? [IPV6_MTU, 'IPv6'] : [68, 'IPv4']
  if (mtu >= least) return mtu
  throw new EngineError(
    'invalidArgument',
    'network.invalid-option',
    `the MTU leaves ${mtu} bytes to containers, and ${who} needs ${least}: set ${OPTION.mtu} higher`,
  )
}

/** Name of a network's tunnel. */
export const vxlanName = ({ id }: Pick<NetworkRecord, 'id'>): string => `vx-${id.slice(0, 12)}`

/**
 * The `overlay` driver: a bridge on each host, with a VXLAN tunnel as one more port. Every host's bridge has the
 * network's gateway address, so a container leaves to the outside from where it runs.
 */
export function createOverlayDriver(host: Host, addressOfHost: () => string): NetworkDriver {
  const bridge = createBridgeDriver(host)
  const mtu = (network: NetworkRecord) => overlayMtu(network, addressOfHost().includes(':'))
  return {
    interfaceOf(network) {
      vniOf(network)
      mtu(network)
      readBridgeOptions(network)
      // No name of one's own: other hosts make the same, and must not be led to a card of theirs.
      return `br-${network.id.slice(0, 12)}`
    },
    async ensure(network) {
      const local = addressOfHost()
      if (!local)
        throw new EngineError(
          'unavailable',
          'cluster.not-joined',
          `overlay network ${network.name} needs this host's place in the cluster, and the cluster store has not answered yet`,
        )
      if (isEncrypted(network)) await host.probeEncryption({})
      await host.ensureBridge({ ...bridgeParams(network), mtu: mtu(network) })
      await host.ensureVxlan({
        bridge: network.interface,
        vxlan: vxlanName(network),
        vni: vniOf(network),
        local,
        mtu: mtu(network),
      })
    },
    async remove(network) {
      await host.removeVxlan({ vxlan: vxlanName(network) })
      await host.removeBridge({ bridge: network.interface })
    },
    describe: (containerId, member) => ({ ...bridge.describe(containerId, member), mtu: mtu(member.network) }),
    routes: bridge.routes,
  }
}

/** A host as the keys between two are derived from. */
interface KeyHost {
  readonly id: string
  readonly boot: string
  readonly address: string
}

/**
 * Keys and indexes between this host and another, the same seen from both. They follow from the cluster's key, who the
 * two are and when each was started: what a kernel has counted up is forgotten at its start, and with it goes the key.
 */
export function deriveEncryption(clusterKey: string, self: KeyHost, peer: KeyHost): EncryptedPeer {
  const way = (from: KeyHost, to: KeyHost) => {
    const bytes = (part: string) =>
      createHmac('sha256', Buffer.from(clusterKey, 'hex'))
        .update(JSON.stringify(['slipway esp', part, from.id, from.boot, to.id, to.boot]))
        .digest()
    const key = Buffer.concat([bytes('key'), bytes('salt').subarray(0, 4)]).toString('hex')
    return { key, spi: 256 + (bytes('spi').readUInt32BE() % (2 ** 32 - 256)) }
  }
  const [out, back] = [way(self, peer), way(peer, self)]
  return { host: peer.address, keyOut: out.key, keyIn: back.key, spiOut: out.spi, spiIn: back.spi }
}
