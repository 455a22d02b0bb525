import os from 'node:os'
import type { MachineNetwork } from '../../contract/network.ts'
import type { ServiceContext } from '../context.ts'

type Interfaces = ReturnType<typeof os.networkInterfaces>

/** This machine as the networks see it: its name, and the interfaces that others reach it by. */
export const describeMachine = (context: ServiceContext): MachineNetwork => ({
  hostname: os.hostname(),
  interfaces: listInterfaces(
    os.networkInterfaces(),
    context.networks.list().map((network) => network.interface),
  ),
})

/** Interfaces with addresses of their own, but for loopback, our bridges, and addresses that hold on one cable only. */
export function listInterfaces(found: Interfaces, bridges: readonly string[]): MachineNetwork['interfaces'] {
  return Object.entries(found).flatMap(([name, list = []]) => {
    const addresses = list
      .filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0)
      .map(({ cidr }) => cidr ?? '')
    return addresses.length > 0 && !bridges.includes(name) ? [{ name, addresses }] : []
  })
}
