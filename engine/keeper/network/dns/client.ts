import { Worker } from 'node:worker_threads'
import type { NetworkHost } from '../../../host/network.ts'
import { run } from '../../exec.ts'
import type { DnsSockets, ToDns } from './protocol.ts'

const TABLE = 'slipway-dns'

/** Rules of a container's namespace: port 53 at 127.0.0.11 is ours, while 53 elsewhere stays free for the container. */
function redirectRules({ udp, tcp }: DnsSockets): string {
  return `table ip ${TABLE} {}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:${udp.port}
    ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:${tcp.port}
  }
}
`
}

/** The DNS thread as the keeper's main thread sees it. It starts with the first container that needs it. */
export function createDns(options: {
  readonly keeperFile: string
  readonly pathOf: (containerId: string) => string
  /** Opens the sockets in a container's namespace. */
  readonly openSockets: (netnsPath: string) => Promise<DnsSockets>
}): Pick<NetworkHost, 'openResolver' | 'setZone'> & {
  closeResolver(containerId: string): void
  stop(): Promise<void>
} {
  const open = new Set<string>()
  let worker: Worker | undefined
  const tell = (message: ToDns) => {
    worker ??= startThread(options.keeperFile)
    worker.postMessage(message)
  }
  return {
    async openResolver(params) {
      const { containerId } = params
      if (open.has(containerId)) return tell({ type: 'view', params })
      if (!params.mayOpen) return
      const netnsPath = options.pathOf(containerId)
      const sockets = await options.openSockets(netnsPath)
      open.add(containerId)
      tell({ type: 'view', params, sockets })
      try {
        await run(['nsenter', `--net=${netnsPath}`, 'nft', '-f', '-'], { input: redirectRules(sockets) })
      } catch (error) {
        open.delete(containerId)
        tell({ type: 'close', containerId })
        throw error
      }
    },
    setZone: async ({ network, hosts }) => tell({ type: 'zone', network, hosts }),
    closeResolver(containerId) {
      if (open.delete(containerId)) tell({ type: 'close', containerId })
    },
    stop: async () => void (await worker?.terminate()),
  }
}

function startThread(keeperFile: string): Worker {
  const worker = new Worker(keeperFile, { workerData: { role: 'dns' } })
  worker.unref()
  return worker
}
