import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { NetworkHost } from '../../../host/network.ts'
import { run } from '../../exec.ts'
import type { FromDns, ToDns } from './protocol.ts'

const TABLE = 'slipway-dns'

/** Rules of a container's namespace: port 53 at 127.0.0.11 is ours, while 53 elsewhere stays free for the container. */
export function redirectRules({ udpPort, tcpPort }: { readonly udpPort: number; readonly tcpPort: number }): string {
  return `table ip ${TABLE} {}
delete table ip ${TABLE}
table ip ${TABLE} {
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:${udpPort}
    ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:${tcpPort}
  }
}
`
}

/** The DNS thread as the keeper's main thread sees it. It starts with the first container that needs it. */
export function createDns(
  keeperFile: string,
  pathOf: (containerId: string) => string,
): Pick<NetworkHost, 'openResolver' | 'setZone'> & { closeResolver(containerId: string): void; stop(): Promise<void> } {
  const waiting = new Map<number, (answer: FromDns) => void>()
  let worker: Worker | undefined
  let calls = 0
  const start = () => {
    const started = new Worker(keeperFile, { workerData: { role: 'dns' } })
    started.unref()
    started.on('message', (answer: FromDns) => {
      waiting.get(answer.call)?.(answer)
      waiting.delete(answer.call)
    })
    return started
  }
  const tell = (message: ToDns) => {
    worker ??= start()
    worker.postMessage(message)
  }
  return {
    async openResolver(params) {
      const netnsPath = pathOf(params.containerId)
      calls += 1
      const call = calls
      const answer = await new Promise<FromDns>((resolve) => {
        waiting.set(call, resolve)
        tell({ type: 'open', call, netnsPath, params })
      })
      if ('error' in answer) throw new EngineError('internal', 'dns.not-opened', answer.error)
      if (answer.isNew) await run(['nsenter', `--net=${netnsPath}`, 'nft', '-f', '-'], { input: redirectRules(answer) })
    },
    setZone: async ({ network, hosts }) => tell({ type: 'zone', network, hosts }),
    closeResolver(containerId) {
      if (worker) tell({ type: 'close', containerId })
    },
    stop: async () => void (await worker?.terminate()),
  }
}
