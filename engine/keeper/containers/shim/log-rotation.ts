import fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { REOPEN_LOG, writeControl } from './control-fifo.ts'

/*
 * LOG is what conmon writes; LOG.1 the one before, LOG.2 older still. conmon writes on into the renamed LOG.1 until it
 * reads the reopen line; then it makes LOG.tmp and renames it to LOG. So no line falls between two files.
 */
const MIN_MS = 50
const MAX_MS = 2000
/** conmon opens the new file within milliseconds; a machine under load may take longer. */
const REOPEN_WAIT_MS = 10
const REOPEN_TRIES = 200

/** When to look again: half the time the log needs to be full at its present pace, from 50 ms to 2 s. */
export function nextCheckMs(state: {
  readonly size: number
  readonly grown: number
  readonly elapsedMs: number
  readonly maxBytes: number
}): number {
  const { size, grown, elapsedMs, maxBytes } = state
  if (grown <= 0 || elapsedMs <= 0) return MAX_MS
  return Math.max(MIN_MS, Math.min(MAX_MS, (Math.max(0, maxBytes - size) / (grown / elapsedMs)) * 0.5))
}

/** Keeps a container's log within its size and number of files until stopped. */
export function watchLog(log: {
  readonly path: string
  readonly bundle: string
  readonly maxBytes: number
  readonly maxFiles: number
}): { stop(): void } {
  if (log.maxBytes <= 0 || log.path === '') return { stop() {} }
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let isFirst = true
  let lastSize = 0
  let lastTime = performance.now()
  const plan = (milliseconds: number) => {
    if (isStopped) return
    timer = setTimeout(() => void check().catch(() => plan(MAX_MS)), milliseconds)
    timer.unref()
  }
  const check = async () => {
    const size = await fs.stat(log.path).then(
      (stat) => stat.size,
      () => -1,
    )
    const now = performance.now()
    if (size < 0 && isFirst) await finishRotation(log)
    isFirst = false
    if (size > log.maxBytes && !isStopped) await rotate(log)
    const grown = size < lastSize ? Math.max(0, size) : size - lastSize
    const wait =
      size < 0 || size > log.maxBytes
        ? MIN_MS
        : nextCheckMs({ size, grown, elapsedMs: now - lastTime, maxBytes: log.maxBytes })
    lastSize = size > log.maxBytes ? 0 : size
    lastTime = now
    plan(wait)
  }
  plan(MIN_MS)
  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

async function rotate({
  path,
  bundle,
  maxFiles,
}: {
  readonly path: string
  readonly bundle: string
  readonly maxFiles: number
}): Promise<void> {
  const ignoreMissing = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  }
  for (let number = maxFiles - 1; number > 1; number--)
    await fs.rename(`${path}.${number - 1}`, `${path}.${number}`).catch(ignoreMissing)
  await fs.rename(path, `${path}.1`)
  if (await writeControl(bundle, REOPEN_LOG)) {
    // What conmon says until it has opened the new file is still in the old one.
    if (maxFiles < 2 && (await comesToBe(path))) await fs.rm(`${path}.1`, { force: true })
  } else await fs.rename(`${path}.1`, path)
}

/**
 * After a keeper that was killed in the middle of a rotation, conmon may not have been told, and writes on into the
 * renamed file. Told twice, it would put an empty file in the place of the new one: it is given its time first.
 */
async function finishRotation({ path, bundle }: { readonly path: string; readonly bundle: string }): Promise<void> {
  if (!(await comesToBe(path))) await writeControl(bundle, REOPEN_LOG)
}

async function comesToBe(file: string): Promise<boolean> {
  for (let tries = 0; tries < REOPEN_TRIES; tries += 1) {
    if (
      await fs.access(file).then(
        () => true,
        () => false,
      )
    )
      return true
    await sleep(REOPEN_WAIT_MS)
  }
  return false
}
