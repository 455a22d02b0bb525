import type { Host } from '../host/host.ts'
import type { Endpoint, NetworkDriver } from './driver.ts'
import { parseSubnet } from './ipam.ts'

const MTU = 1500

/** The names of a container's veth pair: the host's end carries the start of its id. */
export function hostInterfaceName(containerId: string): string {
  return `veth${containerId.slice(0, 8)}`
}

/** A locally administered MAC that follows from the address, so that it is the same after a restart. */
export function macOf(ipAddress: string): string {
  const bytes = ipAddress.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return ['02', '42', ...bytes].join(':')
}

/** The `bridge` driver: a Linux bridge, a veth pair a container, masquerade to the outside. */
export function createBridgeDriver(
  host: Host,
  network: { bridge: string; subnet: string; gateway: string },
): NetworkDriver {
  const { prefix } = parseSubnet(network.subnet)
  return {
    ensure: () =>
      host.ensureBridge({
        bridge: network.bridge,
        address: `${network.gateway}/${prefix}`,
        subnet: network.subnet,
        mtu: MTU,
        masquerade: true,
      }),
    join: (containerId, endpoint: Endpoint) =>
      host.createSandbox({
        containerId,
        endpoint: {
          bridge: network.bridge,
          hostInterface: hostInterfaceName(containerId),
          containerInterface: 'eth0',
          macAddress: endpoint.macAddress,
          address: `${endpoint.ipAddress}/${endpoint.prefix}`,
          gateway: endpoint.gateway,
          mtu: MTU,
        },
      }),
    leave: (containerId) => host.removeSandbox({ containerId }),
    publish: (containerId, ports) => (ports.length ? host.openPorts({ containerId, ports }) : Promise.resolve([])),
    unpublish: (containerId) => host.closePorts({ containerId }),
    remove: () => host.removeBridge({ bridge: network.bridge }),
  }
}
