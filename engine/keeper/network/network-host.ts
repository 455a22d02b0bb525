import { createHash } from 'node:crypto'
import path from 'node:path'
import type { Host, HostEvent } from '../../host/host.ts'
import { createBridges } from './bridges.ts'
import { createDns } from './dns/client.ts'
import { createFirewall } from './firewall.ts'
import { createCaptures } from './inspect/capture.ts'
import { countConnections } from './inspect/connections.ts'
import { describeBridges, describeNamespace } from './inspect/namespace.ts'
import { createPortCounters } from './inspect/port-counters.ts'
import { probe } from './inspect/probe.ts'
import { listRoutes } from './inspect/routes.ts'
import { measureTraffic } from './inspect/traffic.ts'
import { createEncryption } from './overlay/encryption.ts'
import { createLeaseKeeper } from './overlay/lease.ts'
import { createVxlans } from './overlay/vxlan.ts'
import { createParents } from './parents.ts'
import { createFirewalldPassage } from './passage/firewalld.ts'
import { createIptablesPassage } from './passage/iptables.ts'
import { createPassage } from './passage/passage.ts'
import { createPorts } from './ports.ts'
import { startPortProxy } from './proxy/client.ts'
import { startSandboxThread } from './sandbox/client.ts'
import { createKnownLinks } from './sandbox/known-links.ts'
import { createSandboxes } from './sandbox/sandboxes.ts'

export interface NetworkHostOptions {
  readonly stateFolder: string
  readonly keeperFile: string
  /** Where bridges live: `''` for the host's own namespace (rootful), else the inner namespace's file. */
  readonly bridgeNetns: string
  readonly onEvent: (event: HostEvent) => void
}

type NetworkCalls = Pick<
  Host,
  | 'ensureBridge'
  | 'removeBridge'
  | 'ensureParent'
  | 'removeParent'
  | 'ensureVxlan'
  | 'removeVxlan'
  | 'setVxlanPeers'
  | 'describeUnderlay'
  | 'probeEncryption'
  | 'setEncryption'
  | 'keepLease'
  | 'createSandbox'
  | 'removeSandbox'
  | 'attachEndpoint'
  | 'detachEndpoint'
  | 'openPorts'
  | 'closePorts'
  | 'openResolver'
  | 'setZone'
  | 'describeNamespace'
  | 'describeBridges'
  | 'listRoutes'
  | 'probe'
  | 'capture'
  | 'countConnections'
  | 'measureTraffic'
>

/*
 * State under the keeper's folder, so that a new keeper takes up what an earlier one left:
 *
 *   netns/<container>          bound network namespaces
 *   ports/<container>.json     published ports
 *   endpoints/<container>.json its interfaces, and how they would be made again
 *   bridges/<bridge>.json      the same of a bridge, and its rules
 *   tunnels/<vxlan>.json       where an overlay network's tunnel leads
 *   encryption.json            what is encrypted on the way to other hosts
 *   vlans/<interface>          VLAN interfaces that were made for a network
 */

/** Bridges, parents, sandboxes and published ports. */
export function createNetworkHost({
  stateFolder,
  keeperFile,
  bridgeNetns,
  onEvent,
}: NetworkHostOptions): NetworkCalls & { restore(): Promise<void>; close(): Promise<void> } {
  const prefix = bridgeNetns ? ['nsenter', `--net=${bridgeNetns}`] : []
  const parents = createParents({
    prefix,
    rootless: bridgeNetns !== '',
    vlanFolder: path.join(stateFolder, 'vlans'),
  })
  const tag = createHash('sha256').update(stateFolder).digest('hex').slice(0, 8)
  const firewall = createFirewall(`slipway-${tag}`, prefix)
  const encryption = createEncryption(stateFolder, { table: `slipway-${tag}-vxlan`, prefix })
  const counters = createPortCounters(`slipway-${tag}-count`, prefix)
  const repair = async (table: string) => {
    counters.forget(table)
    const isOfTunnels = table === '' || table === `slipway-${tag}-vxlan`
    // Neither waits for the other: what one cannot mend at the moment, the other may.
    await Promise.all([firewall.repair(table), ...(isOfTunnels ? [encryption.repair()] : [])])
  }
  /** Other programs' rules are where root's bridges are; in a namespace of our own there are none. */
  const chain = `SLIPWAY-${tag}`
  const passage = bridgeNetns
    ? null
    : createPassage([
        createIptablesPassage('iptables', chain),
        createIptablesPassage('ip6tables', chain),
        createFirewalldPassage(),
      ])
  const proxy = startPortProxy(keeperFile, bridgeNetns, {
    onTableDeleted: (table) => void repair(table).catch(() => {}),
    onFirewallChanged: () => passage?.look(),
    onLinksGone: (names) => bridges.noteGone(names),
  })
  const ports = createPorts(path.join(stateFolder, 'ports'), { proxy, firewall, isRootless: bridgeNetns !== '' })
  const thread = startSandboxThread(keeperFile, bridgeNetns)
  const pathOf = (containerId: string) => path.join(stateFolder, 'netns', containerId)
  const known = createKnownLinks(stateFolder, pathOf)
  const sandboxes = createSandboxes(pathOf, { thread, known })
  const bridges = createBridges({ thread, known, firewall, passage, onEvent })
  const captures = createCaptures(keeperFile, pathOf)
  const { stop: stopLease, ...lease } = createLeaseKeeper()
  const dns = createDns({ keeperFile, pathOf, openSockets: proxy.openDnsSockets })

  return {
    ...sandboxes,
    ...createVxlans(path.join(stateFolder, 'tunnels'), prefix),
    ...lease,
    probeEncryption: encryption.probeEncryption,
    setEncryption: encryption.setEncryption,
    async removeSandbox(params) {
      dns.closeResolver(params.containerId)
      await captures.endIn(params.containerId)
      return sandboxes.removeSandbox(params)
    },
    openResolver: dns.openResolver,
    setZone: dns.setZone,
    describeNamespace: (params) => describeNamespace(params),
    describeBridges: () => describeBridges(prefix),
    listRoutes: () => listRoutes(),
    probe: (params) => probe(keeperFile, params),
    capture: captures.open,
    countConnections: ({ containers }) => countConnections(proxy, containers),
    measureTraffic: (params) => measureTraffic({ proxy, counters }, params),
    openPorts: ports.openPorts,
    closePorts: ports.closePorts,
    ensureBridge: bridges.ensureBridge,
    removeBridge: bridges.removeBridge,
    ...parents,
    async restore() {
      await firewall.restore({ bridges: await bridges.restore(), published: await ports.restore() })
      await passage?.setBridges(firewall.bridges())
      bridges.noteGone([''])
      await encryption.repair()
      // What an earlier keeper counted with; nobody waits for it.
      void counters.remove().catch(() => {})
    },
    async close() {
      stopLease()
      bridges.close()
      await Promise.all([proxy.stop(), dns.stop(), thread.stop(), captures.endAll()])
      await encryption.setEncryption({ local: '', peers: [], vnis: [] }).catch(() => {})
      await firewall.remove().catch(() => {})
      await counters.remove().catch(() => {})
      await passage?.remove().catch(() => {})
    },
  }
}
