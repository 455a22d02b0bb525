import { EngineError } from '../contract/errors.ts'
import type { Host } from '../host/host.ts'
import type { NetworkRecord } from '../store/schema.ts'
import { mtuOf } from './bridge.ts'
import { addressesOf, gatewayRoutes, type NetworkDriver, OPTION } from './driver.ts'

const MODES = {
  macvlan: { option: OPTION.macvlanMode, fallback: 'bridge', all: ['bridge', 'private', 'vepa', 'passthru'] },
  ipvlan: { option: OPTION.ipvlanMode, fallback: 'l2', all: ['l2', 'l3', 'l3s'] },
} as const

/** The mode option; `network.invalid-option` when the driver has no such mode. */
export function modeOf(kind: keyof typeof MODES, { options }: Pick<NetworkRecord, 'options'>): string {
  const { option, fallback, all } = MODES[kind]
  const mode = options[option] || fallback
  if ((all as readonly string[]).includes(mode)) return mode
  throw new EngineError(
    'invalidArgument',
    'network.invalid-option',
    `${kind} has no mode ${JSON.stringify(mode)}; it has ${all.join(', ')}`,
  )
}

/** `macvlan` and `ipvlan`: containers with an address of their own on the parent's network, without a bridge. */
export function createChildLinkDriver(host: Host, kind: keyof typeof MODES): NetworkDriver {
  const isOwn = ({ options }: NetworkRecord) => !options[OPTION.parent]
  return {
    interfaceOf(network) {
      modeOf(kind, network)
      mtuOf(network)
      const parent = network.options[OPTION.parent] ?? ''
      if (parent === '') return `dm-${network.id.slice(0, 12)}`
      if (/^[^\s/]{1,15}$/.test(parent)) return parent
      throw new EngineError('invalidArgument', 'network.invalid-option', `invalid parent ${JSON.stringify(parent)}`)
    },
    ensure: (network) => host.ensureParent({ kind, parent: network.interface, isOwn: isOwn(network) }),
    remove: (network) => host.removeParent({ parent: network.interface, isOwn: isOwn(network) }),
    describe: (_, { network, endpoint }) => ({
      kind,
      link: network.interface,
      mode: modeOf(kind, network),
      hostInterface: '',
      containerInterface: endpoint.interface,
      macAddress: endpoint.macAddress,
      addresses: addressesOf(endpoint),
      mtu: mtuOf(network, 0),
      isIsolated: false,
    }),
    routes: ({ network, endpoint }) =>
      kind === 'ipvlan' && modeOf(kind, network) !== 'l2'
        ? [`default dev ${endpoint.interface}`]
        : gatewayRoutes(endpoint),
  }
}
