import { Session } from 'node:inspector'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { trimAllocator } from '../keeper/libc/memory.ts'

/*
 * V8 collects when memory is asked for, so the garbage of a burst stays until the next one, and the room for new objects as
 * large as it was made for it. After 150 runs and three logs of a million lines that is 70 of an engine's 170 MiB,
 * and what the C library's allocator keeps 30 more.
 */
const LOOK_MS = 2000
/** Heaps as small as after a collection would be collected anew for each 25 MB that pass through: a quarter of a copy's time. */
const GROWTH_PERCENT = 300
const CALM = 0.2
const GROWN_BYTES = 8 * 1024 * 1024

/** Whether a collection is worth its 20 ms: this process does nothing now, and holds more than after the last one. */
export function isWorthCollecting(now: {
  /** Of a processor's time since the last look, 0 to 1 for each. */
  readonly load: number
  readonly heapBytes: number
  /** What was left by the last collection. */
  readonly leftBytes: number
}): boolean {
  return now.load < CALM && now.heapBytes - now.leftBytes > GROWN_BYTES
}

/** Gives the memory of a burst back once this process is calm. It keeps no process alive; answers with how to stop it. */
export function collectWhenCalm(lookMs = LOOK_MS): () => void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  const session = new Session()
  let leftBytes = 0
  let lastLook = performance.now()
  let lastUsage = process.cpuUsage()
  const look = () => {
    const { user, system } = process.cpuUsage(lastUsage)
    const load = (user + system) / 1000 / (performance.now() - lastLook)
    lastLook = performance.now()
    lastUsage = process.cpuUsage()
    if (isWorthCollecting({ load, heapBytes: heapBytes(), leftBytes })) collect()
  }
  const collect = () => {
    // The one call that also makes the room for new objects small again; `gc()` leaves that as it is.
    session.connect()
    session.post('HeapProfiler.collectGarbage', () => {
      leftBytes = heapBytes()
      // The profiler holds a lock while it answers, and takes it again to be let go.
      setImmediate(() => session.disconnect())
      trimAllocator()
    })
  }
  const timer = setInterval(look, lookMs)
  timer.unref()
  return () => clearInterval(timer)
}

const heapBytes = () => getHeapStatistics().total_physical_size
