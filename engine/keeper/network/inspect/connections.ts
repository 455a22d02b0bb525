import { readFile } from 'node:fs/promises'
import ipaddr from 'ipaddr.js'
import type { ProcessRef } from '../../../host/host.ts'
import type { ConnectionCount } from '../../../host/inspection.ts'
import { AF_INET, AF_INET6 } from '../../libc/address.ts'
import { countTranslated } from '../../libc/conntrack.ts'
import { isAlive } from '../../libc/process.ts'
import type { PortProxy } from '../proxy/client.ts'
import { countEstablished } from './sockets.ts'

interface Counted {
  readonly containerId: string
  readonly process: ProcessRef
  readonly addresses: readonly string[]
}

/** Connections of containers now: by address as their own namespaces say, and by published ports. */
export async function countConnections(proxy: PortProxy, containers: readonly Counted[]): Promise<ConnectionCount[]> {
  const { counts, tableFd } = await proxy.count()
  const translated = tableFd < 0 ? new Map<string, number>() : countAll(tableFd)
  const alive = containers.filter(({ process }) => isAlive(process))
  return Promise.all(
    alive.map(async ({ containerId, process, addresses }) => {
      const own = await readEstablished(process.pid)
      return {
        containerId,
        established: addresses.map((address) => ({ address, count: own.get(address) ?? 0 })),
        published:
          (counts.get(containerId)?.connections ?? 0) +
          addresses.reduce((sum, address) => sum + (translated.get(hexOf(address)) ?? 0), 0),
      }
    }),
  )
}

/** An address as the kernel's messages have it, in hex. */
export const hexOf = (address: string) => Buffer.from(ipaddr.parse(address).toByteArray()).toString('hex')

function countAll(tableFd: number): ReadonlyMap<string, number> {
  return new Map([...countTranslated(tableFd, AF_INET), ...countTranslated(tableFd, AF_INET6)])
}

async function readEstablished(pid: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const name of ['tcp', 'tcp6']) {
    const text = await readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')
    for (const [address, count] of countEstablished(text)) counts.set(address, (counts.get(address) ?? 0) + count)
  }
  return counts
}
