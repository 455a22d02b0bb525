import type { Host } from '../../../host/host.ts'
import type { LeaseParams } from '../../../host/network.ts'

/**
 * Keeps the host's lease alive through etcd's JSON gateway: a few bytes each third of its time, so that quitting the
 * app takes nobody's containers out of the cluster. Whether the lease still lives is for the engine to see.
 */
export function createLeaseKeeper(ask: typeof fetch = fetch): Pick<Host, 'keepLease'> & { stop(): void } {
  let timer: NodeJS.Timeout | undefined
  const stop = () => clearInterval(timer)
  const renew = async ({ endpoints, leaseId, seconds }: LeaseParams) => {
    const limitMs = Math.floor((seconds * 1000) / 3)
    for (const endpoint of endpoints) {
      try {
        const answer = await ask(`${endpoint}/v3/lease/keepalive`, {
          method: 'POST',
          body: JSON.stringify({ ID: leaseId }),
          signal: AbortSignal.timeout(limitMs),
        })
        // The gateway answers a stream of answers; the first is ours.
        await answer.body?.cancel()
        if (answer.ok) return
      } catch {
        // The next address may answer, or this one the next time.
      }
    }
  }
  return {
    stop,
    async keepLease(params) {
      stop()
      if (params.leaseId === '') return
      timer = setInterval(() => void renew(params), (params.seconds * 1000) / 3)
      timer.unref()
      await renew(params)
    },
  }
}
