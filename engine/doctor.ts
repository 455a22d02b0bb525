import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { EngineConfig } from './config.ts'
import type { DoctorReport } from './contract/doctor.ts'
import { readMachine } from './host/machine.ts'
import type { MachineFacts } from './lib/machine-facts.ts'
import { choosePool, isOverlapping, routesOf } from './network/ipam.ts'
import { findInit } from './runtime/init-program.ts'
import { SECCOMP_PROFILE } from './runtime/seccomp.ts'
import { judgeMachine } from './service/doctor/judge.ts'
import { createLayout } from './store/layout.ts'
import { NetworkRecord } from './store/schema.ts'

/** Checks this machine. It needs no engine, since what it finds may be why there is none. */
export async function checkMachine(config: EngineConfig): Promise<DoctorReport> {
  const table = readFileSync('/proc/net/route', 'utf8')
  const facts = await readMachine({
    mode: config.mode,
    root: config.root,
    seccompProfile: SECCOMP_PROFILE,
    initProgram: findInit(),
    socket: config.socket,
    clientSocket: config.offeredSocket === config.socket ? '' : config.offeredSocket,
    networks: {
      freeSubnet: freeSubnet(table),
      conflicts: findConflicts(readNetworks(config), table),
      context: config.contextName,
    },
  })
  return judgeMachine(facts)
}

function freeSubnet(table: string): string {
  const own = Object.values(os.networkInterfaces()).flatMap((list) => (list ?? []).flatMap(({ cidr }) => cidr ?? []))
  try {
    return choosePool([...own, ...routesOf(table).map(({ subnet }) => subnet)])
  } catch {
    return ''
  }
}

/** Networks as they lie in the data root; what cannot be read is the engine's to tell of. */
function readNetworks({ root, runtimeDir }: EngineConfig): NetworkRecord[] {
  const { networks: folder } = createLayout(root, runtimeDir)
  try {
    return readdirSync(folder).flatMap((name) => {
      const read = name.endsWith('.json')
        ? NetworkRecord.safeParse(JSON.parse(readFileSync(path.join(folder, name), 'utf8')))
        : null
      return read?.success ? [read.data] : []
    })
  } catch {
    return []
  }
}

/** Bridges whose addresses the host has a route to by another device; the other drivers share its networks on purpose. */
export function findConflicts(networks: readonly NetworkRecord[], table: string): MachineFacts['conflicts'] {
  const bridges = networks.filter(({ driver }) => driver === 'bridge')
  const ours = new Set(bridges.map((network) => network.interface))
  const routes = routesOf(table).filter((route) => !ours.has(route.interface))
  return bridges.flatMap(({ name, ipv4 }) =>
    routes.flatMap(({ subnet: route }) =>
      ipv4 && isOverlapping(ipv4.subnet, route) ? [{ network: name, subnet: ipv4.subnet, route }] : [],
    ),
  )
}
