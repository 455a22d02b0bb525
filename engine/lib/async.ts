import { EngineError } from '../contract/errors.ts'

/** Serialises work by key: one at a time for a key, keys beside each other. */
export interface Locks {
  withLock<T>(key: string, work: () => Promise<T>): Promise<T>
}

/** Locks that live as long as the engine. A lock is not re-entrant. */
export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>()
  return {
    async withLock(key, work) {
      const previous = tails.get(key) ?? Promise.resolve()
      const run = previous.then(work, work)
      const tail = run.then(
        () => undefined,
        () => undefined,
      )
      tails.set(key, tail)
      try {
        return await run
      } finally {
        if (tails.get(key) === tail) tails.delete(key)
      }
    },
  }
}

/** Work one after the other, in the order in which it was asked for; a failure is whose it is, and keeps none of the others. */
export function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
}

/** A queue that one side pushes to and the other iterates. */
export interface PushQueue<T> extends AsyncIterable<T> {
  readonly size: number
  push(value: T): void
  end(): void
  fail(error: unknown): void
}

/** An unbounded queue: whoever pushes watches `size`. */
export function createPushQueue<T>(): PushQueue<T> {
  const values: T[] = []
  let finished: { readonly error?: unknown } | undefined
  let wake: (() => void) | undefined
  const finish = (end: { readonly error?: unknown }) => {
    finished ??= end
    wake?.()
  }
  return {
    get size() {
      return values.length
    },
    push(value) {
      if (finished) return
      values.push(value)
      wake?.()
    },
    end: () => finish({}),
    fail: (error) => finish({ error }),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const value = values.shift()
        if (value !== undefined) {
          yield value
          continue
        }
        if (finished) {
          if ('error' in finished) throw finished.error
          return
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
    },
  }
}

/** Runs work on every item, so many at a time; the first failure is thrown once what runs has ended. */
export async function inParallel<T>(
  lanes: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const lane = async () => {
    while (next < items.length && !failure) {
      const index = next++
      await work(items[index] as T, index).catch((error: unknown) => {
        failure ??= { error }
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  if (failure) throw failure.error
}

interface Writable {
  once(event: 'drain' | 'close', listener: () => void): unknown
  off(event: 'drain' | 'close', listener: () => void): unknown
}

/** Waits until a stream takes more, or takes nothing any more. Leaves no listener behind. */
export function untilDrained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
}

/**
 * Work that tells its progress as a stream. Leaving the loop cancels the work and waits for its end, so that nothing
 * half-made is left when the loop is over.
 */
export async function* streamWork<T>(
  signal: AbortSignal,
  work: (signal: AbortSignal, onProgress: (progress: T) => void) => Promise<void>,
): AsyncIterable<T> {
  const queue = createPushQueue<T>()
  const stop = new AbortController()
  const abort = () => stop.abort()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  const running = work(stop.signal, (progress) => queue.push(progress)).then(
    () => queue.end(),
    (error: unknown) => queue.fail(EngineError.from(error)),
  )
  try {
    yield* queue
  } finally {
    signal.removeEventListener('abort', abort)
    stop.abort()
    await running
  }
}

/** Waits, or until the signal fires. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end, { once: true })
  })
}
