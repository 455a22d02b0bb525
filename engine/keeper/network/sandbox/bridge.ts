import { writeFileSync } from 'node:fs'
import { EngineError } from '../../../contract/errors.ts'
import type { BridgeNetworkParams } from '../../../host/network.ts'
import { randomMac } from '../../../lib/mac.ts'
import type { Link, RouteRequest, RouteSocket } from '../../libc/rtnetlink.ts'
import { addressRequest, bridgeRequest, deleteRequest, hardwareAddressRequest, startRequest } from './requests.ts'

/** The alias that an interface of our making has: so somebody else's is known whatever was forgotten meanwhile. */
const MARK = 'slipway'

/** Makes a network's bridge, or takes up the one that is there. On failure none is left that was not there before. */
export function ensureBridge(home: RouteSocket, params: BridgeNetworkParams): void {
  const found = find(home, params.bridge)
  if (!found) makeBridge(home, params)
  else if (found.kind === 'bridge') home.request(hardwareAddressRequest(params.bridge, found.address))
  else
    throw new EngineError(
      'conflict',
      'network.not-a-bridge',
      `the interface ${params.bridge} is there already and is no bridge: give the network another bridge name`,
      { details: { interface: params.bridge } },
    )
  setSwitches(params)
}

/** Takes a bridge of our making away; one that was there before the network stays, and a missing one is fine. */
export function removeBridge(home: RouteSocket, name: string): void {
  if (find(home, name)?.alias === MARK) home.request(deleteRequest(name))
}

function find(home: RouteSocket, name: string): Link | undefined {
  try {
    return home.link(name)
  } catch (error) {
    if (EngineError.from(error).reason === 'libc.enodev') return undefined
    throw error
  }
}

function makeBridge(home: RouteSocket, { bridge, mtu, addresses }: BridgeNetworkParams): void {
  const requests = (index: number): RouteRequest[] => [
    startRequest(bridge, { alias: MARK, mtu }),
    ...addresses.map((address) => addressRequest(address, index)),
  ]
  home.request(bridgeRequest(bridge, randomMac()))
  try {
    for (const request of requests(home.link(bridge).index)) home.request(request)
  } catch (error) {
    home.request(deleteRequest(bridge))
    throw error
  }
}

/** Forwarding, and published ports on loopback addresses. The files are those of the namespace that the thread is in. */
function setSwitches({ bridge, subnets }: BridgeNetworkParams): void {
  const set = (name: string, value: 0 | 1) => writeFileSync(`/proc/sys/net/${name}`, String(value))
  set('ipv4/ip_forward', 1)
  set(`ipv4/conf/${bridge}/route_localnet`, 1)
  if (!subnets.some((subnet) => subnet.includes(':'))) return
  set('ipv6/conf/all/forwarding', 1)
  set(`ipv6/conf/${bridge}/accept_ra`, 0)
}
