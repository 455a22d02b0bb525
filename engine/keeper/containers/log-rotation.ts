import { open, rename, stat } from 'node:fs/promises'
import { constants } from 'node:fs'

const SLOWEST_MS = 2000
const FASTEST_MS = 50

/** Milliseconds until the next look at a log: sooner the faster it fills. */
export function nextCheckMs(facts: { readonly sizeBytes: number; readonly grownBytes: number; readonly sinceMs: number; readonly maxBytes: number }): number {
  if (facts.grownBytes <= 0) return SLOWEST_MS
  const untilFullMs = ((facts.maxBytes - facts.sizeBytes) / facts.grownBytes) * facts.sinceMs
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, untilFullMs / 2))
}

/**
 * Keeps a container's log within `maxFiles` files of `maxBytes`. The full file is renamed first and conmon reopens
 * after, so a line is in the old file or in the new one.
 */
export function rotateLog(options: { readonly logPath: string; readonly ctlPath: string; readonly maxBytes: number; readonly maxFiles: number }): { stop(): void } {
  const { logPath, maxBytes, maxFiles } = options
  let previous = 0
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const later = (ms: number) => {
    if (!isStopped) timer = setTimeout(() => void check(ms), ms)
    timer?.unref()
  }
  const check = async (sinceMs: number) => {
    const size = await stat(logPath).then((stats) => stats.size, () => 0)
    if (size > maxBytes) {
      await rotate()
      previous = 0
      return later(FASTEST_MS)
    }
    later(nextCheckMs({ sizeBytes: size, grownBytes: size - previous, sinceMs, maxBytes }))
    previous = size
  }
  const rotate = async () => {
    for (let index = maxFiles - 1; index > 0; index -= 1) {
      await rename(index === 1 ? logPath : `${logPath}.${index - 1}`, `${logPath}.${index}`).catch(() => {})
    }
    await writeControl(options.ctlPath, '2 0 0\n').catch(() => {})
  }
  later(FASTEST_MS)
  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

/** Writes a line to conmon's control fifo; fails at once when nobody reads it. */
export async function writeControl(ctlPath: string, line: string): Promise<void> {
  const handle = await open(ctlPath, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    await handle.write(line)
  } finally {
    await handle.close()
  }
}
