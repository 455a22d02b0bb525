import type { VxlanParams, VxlanPeer } from '../../../host/network.ts'

export const VXLAN_PORT = 4789

/** Lines for `ip -batch` and for `bridge -batch`. */
export interface PeerBatch {
  readonly ip: string
  readonly bridge: string
}

/**
 * `ip -batch` lines that make a tunnel. It learns nothing from packets, since whoever can send one could then draw
 * traffic to itself; and it answers for the containers of other hosts itself (`proxy`), so that no broadcast goes round.
 */
export function vxlanBatch({ bridge, vxlan, vni, local, mtu }: VxlanParams): string {
  return [
    `link add ${vxlan} mtu ${mtu} type vxlan id ${vni} local ${local} dstport ${VXLAN_PORT} nolearning proxy l2miss l3miss`,
    `link set ${vxlan} master ${bridge}`,
    `link set ${vxlan} up`,
    '',
  ].join('\n')
}

/**
 * What leads from the peers of before to those of now: what went is deleted first, since an address may have moved.
 * `ip` ends a batch at a neighbour that is not there, so each is set before it is deleted.
 */
export function peerBatch(vxlan: string, before: readonly VxlanPeer[], now: readonly VxlanPeer[]): PeerBatch {
  const setNeighbour = ([address, mac]: Pair) => `neigh replace ${address} lladdr ${mac} dev ${vxlan} nud permanent`
  const setPath = ([mac, host]: Pair) => `fdb replace ${mac} dev ${vxlan} dst ${host} self permanent`
  const neighbour = difference(neighbours(before), neighbours(now))
  const path = difference(paths(before), paths(now))
  return {
    ip: lines([
      ...neighbour.gone.flatMap((pair) => [setNeighbour(pair), `neigh del ${pair[0]} dev ${vxlan}`]),
      ...neighbour.set.map(setNeighbour),
    ]),
    bridge: lines([
      ...path.gone.flatMap((pair) => [setPath(pair), `fdb del ${pair[0]} dev ${vxlan} dst ${pair[1]} self`]),
      ...path.set.map(setPath),
    ]),
  }
}

type Pair = readonly [string, string]

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')
const neighbours = (peers: readonly VxlanPeer[]) =>
  new Map(peers.flatMap(({ mac, addresses }) => addresses.map((address) => [address, mac] as const)))
const paths = (peers: readonly VxlanPeer[]) => new Map(peers.map(({ mac, host }) => [mac, host] as const))
const difference = (before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>) => ({
  gone: [...before].filter(([key]) => !now.has(key)),
  set: [...now].filter(([key, value]) => before.get(key) !== value),
})
