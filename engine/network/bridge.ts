import { EngineError } from '../contract/errors.ts'
import type { Host } from '../host/host.ts'
import type { BridgeNetworkParams } from '../host/network.ts'
import type { NetworkRecord } from '../store/schema.ts'
import { readBridgeOptions } from './bridge-options.ts'
import { addressesOf, gatewayRoutes, type NetworkDriver, OPTION } from './driver.ts'
import { parseSubnet } from './ipam.ts'

const MTU = 1500

/** The number at the end of an interface's name. */
export const interfaceNumber = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? 0)

/** The bridge's end of a container's veth pair: the start of the id and the number of the interface in the container. */
export function hostInterfaceName(containerId: string, containerInterface: string): string {
  return `veth${containerId.slice(0, 8)}${interfaceNumber(containerInterface)}`
}

/** A locally administered MAC that follows from the address, so that it is the same after a restart. */
export function macOf(ipAddress: string): string {
  const bytes = ipAddress.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return ['02', '42', ...bytes].join(':')
}

/** The name of a network's bridge; `network.invalid-option` when an option of the network cannot be. */
export function bridgeName(network: Pick<NetworkRecord, 'id' | 'options' | 'isInternal'>): string {
  return readBridgeOptions(network).name || `br-${network.id.slice(0, 12)}`
}

/** The MTU option; the default without it. */
export function mtuOf({ options }: Pick<NetworkRecord, 'options'>, fallback = MTU): number {
  const text = options[OPTION.mtu]
  if (text === undefined || text === '' || text === '0') return fallback
  const mtu = Number(text)
  if (Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535) return mtu
  throw new EngineError('invalidArgument', 'network.invalid-option', `invalid MTU ${JSON.stringify(text)}`)
}

/** What the keeper is told of a bridge network. */
export function bridgeParams(network: NetworkRecord): BridgeNetworkParams {
  const { ipv4, ipv6, isInternal } = network
  const { gatewayModes, hasNoIpv4, masquerade, isOpenWithin } = readBridgeOptions(network)
  const pools = [ipv4, ipv6].flatMap((pool) => (pool ? [pool] : []))
  const hasGateway = ({ gateway }: { readonly gateway: string }) => {
    const isSix = gateway.includes(':')
    return gateway !== '' && gatewayModes[isSix ? 'ip6' : 'ip'] !== 'isolated' && (isSix || !hasNoIpv4)
  }
  return {
    bridge: network.interface,
    addresses: pools.filter(hasGateway).map(({ gateway, subnet }) => `${gateway}/${parseSubnet(subnet).prefix}`),
    subnets: pools.map(({ subnet }) => subnet),
    mtu: mtuOf(network),
    masquerade,
    isInternal,
    isOpenWithin,
    gatewayModes,
  }
}

/** The `bridge` driver: a Linux bridge, a veth pair a container, masquerade to the outside. */
export function createBridgeDriver(host: Host): NetworkDriver {
  return {
    interfaceOf(network) {
      mtuOf(network)
      return bridgeName(network)
    },
    ensure: (network) => host.ensureBridge(bridgeParams(network)),
    remove: (network) => host.removeBridge({ bridge: network.interface }),
    describe: (containerId, { network, endpoint }) => ({
      kind: 'bridge',
      link: network.interface,
      mode: '',
      hostInterface: hostInterfaceName(containerId, endpoint.interface),
      containerInterface: endpoint.interface,
      macAddress: endpoint.macAddress,
      addresses: addressesOf(endpoint),
      mtu: mtuOf(network),
      isIsolated: !readBridgeOptions(network).isOpenWithin,
    }),
    routes: ({ endpoint }) => gatewayRoutes(endpoint),
  }
}
