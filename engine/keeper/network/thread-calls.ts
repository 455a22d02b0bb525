import type { Worker } from 'node:worker_threads'
import { EngineError } from '../../contract/errors.ts'

/** Questions to a thread, by number, that wait for its answers. */
export interface ThreadCalls<Answer> {
  /** Sends a question with its number; `keeper.thread-ended` when the thread ends, or has ended, without an answer. */
  ask(send: (call: number) => void): Promise<Answer>
  answer(call: number, answer: Answer): void
}

/** Follows a thread until it ends; nothing waits for one that is gone. `onEnd` is told why it ended. */
export function followCalls<Answer>(
  worker: Pick<Worker, 'once'>,
  thread: string,
  onEnd: (why: EngineError) => void,
): ThreadCalls<Answer> {
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: EngineError): void }>()
  let calls = 0
  let ended: EngineError | undefined
  const end = (cause: unknown, how: string) => {
    if (ended) return
    ended = new EngineError('unavailable', 'keeper.thread-ended', `the ${thread} thread has ended: ${how}`, { cause })
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
    onEnd(ended)
  }
  worker.once('error', (cause) => end(cause, String(cause)))
  worker.once('exit', (code) => end(undefined, `exit ${code}`))
  return {
    ask: (send) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended)
        calls += 1
        waiting.set(calls, { resolve, reject })
        send(calls)
      }),
    answer(call, answer) {
      waiting.get(call)?.resolve(answer)
      waiting.delete(call)
    },
  }
}
