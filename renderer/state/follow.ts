import type { ClientStream } from '../../engine/contract/define.ts'

/** Reads a stream for as long as somebody looks; returns the way to stop. Hidden windows cost nothing. */
export function followWhileSeen<T>(open: () => ClientStream<T, never>, take: (frame: T) => void): () => void {
  let stream: ClientStream<T, never> | undefined
  const run = async () => {
    const mine = open()
    stream = mine
    try {
      for await (const frame of mine) take(frame)
    } catch {
      // The engine went away; the next visit asks again.
    }
  }
  const look = () => {
    stream?.close()
    stream = undefined
    if (!document.hidden) void run()
  }
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    stream?.close()
  }
}
