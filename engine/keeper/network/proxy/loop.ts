import { createEpoll } from '../../libc/epoll.ts'
import { closeDescriptor } from '../../libc/relay.ts'

/** One thread's event loop: descriptors, work that was not finished in one go, and timers. */
export interface Loop {
  watch(fd: number, events: number, on: (events: number) => void): void
  /** Stops watching and closes once the events at hand are over, so that none of them meets a reused number. */
  close(fd: number, how?: (fd: number) => void): void
  unwatch(fd: number): void
  /** Runs soon, after the others have had their turn. */
  soon(work: () => void): void
  after(ms: number, work: () => void): void
  /** Goes on until `stop`. */
  run(): void
  stop(): void
}

/** Makes a loop on the calling thread, which it keeps busy. */
export function createLoop(now: () => number = () => performance.now()): Loop {
  const epoll = createEpoll()
  const handlers = new Map<number, (events: number) => void>()
  let closing: (() => void)[] = []
  let ready: (() => void)[] = []
  let timers: { readonly at: number; readonly work: () => void }[] = []
  let isStopped = false

  const timeout = () => {
    if (ready.length > 0) return 0
    const next = timers[0]
    return next ? Math.max(0, Math.ceil(next.at - now())) : -1
  }
  const turn = () => {
    epoll.wait(timeout(), (fd, events) => handlers.get(fd)?.(events))
    const due = timers.filter(({ at }) => at <= now())
    timers = timers.slice(due.length)
    const work = [...ready, ...due.map((timer) => timer.work)]
    ready = []
    for (const item of work) item()
    const ended = closing
    closing = []
    for (const item of ended) item()
  }
  const unwatch = (fd: number) => {
    if (handlers.delete(fd)) epoll.remove(fd)
  }
  return {
    watch(fd, events, on) {
      handlers.set(fd, on)
      epoll.add(fd, events)
    },
    unwatch,
    close(fd, how = closeDescriptor) {
      unwatch(fd)
      closing.push(() => how(fd))
    },
    soon: (work) => void ready.push(work),
    after(ms, work) {
      timers = [...timers, { at: now() + ms, work }].sort((a, b) => a.at - b.at)
    },
    run() {
      while (!isStopped) turn()
    },
    stop() {
      isStopped = true
    },
  }
}
