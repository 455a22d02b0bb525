/** Several interfaces go with one, and whoever takes them away may not be done. */
const SETTLE_MS = 50
const RETRY_MS = 1000
/** Between two tries at most. What stays so long is taken for steady: the next loss is mended at once again. */
const LONGEST_WAIT_MS = 60_000

/** Makes bridges whole again after a loss, and does not fight with whoever takes them away again and again. */
export interface Mender {
  /** Told of bridges that have lost something. */
  lost(bridges: readonly string[]): void
  /** Told of a bridge that is taken away on purpose: another one of its name begins anew. */
  forget(bridge: string): void
  stop(): void
}

/** `mend` answers whether all of the bridge is as it should be now. It is asked again when not. */
export function createMender(
  mend: (bridge: string) => Promise<boolean>,
  { now = () => performance.now(), settleMs = SETTLE_MS, retryMs = RETRY_MS } = {},
): Mender {
  const tries = new Map<string, { readonly count: number; readonly at: number }>()
  const timers = new Map<string, NodeJS.Timeout>()
  let isStopped = false
  const schedule = (bridge: string) => {
    if (isStopped || timers.has(bridge)) return
    const before = tries.get(bridge)
    const count = before && now() - before.at < LONGEST_WAIT_MS ? before.count : 0
    const wait = count === 0 ? settleMs : Math.min(retryMs * 2 ** (count - 1), LONGEST_WAIT_MS)
    const attempt = async () => {
      timers.delete(bridge)
      const isWhole = await mend(bridge).catch(() => false)
      tries.set(bridge, { count: count + 1, at: now() })
      if (!isWhole) schedule(bridge)
    }
    timers.set(bridge, setTimeout(() => void attempt(), wait).unref())
  }
  return {
    lost: (bridges) => bridges.forEach(schedule),
    forget(bridge) {
      clearTimeout(timers.get(bridge))
      timers.delete(bridge)
      tries.delete(bridge)
    },
    stop() {
      isStopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
