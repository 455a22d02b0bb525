import { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { followCalls } from '../../../../engine/keeper/network/thread-calls.ts'

it('who waits for a thread that ends is told so, as is who asks it afterwards', async () => {
  const worker = new EventEmitter()
  const ends: string[] = []
  const calls = followCalls<string>(worker as unknown as Worker, 'test', ({ message }) => ends.push(message))
  const asked: number[] = []
  const ask = () => calls.ask((call) => asked.push(call))
  const [first, second] = [ask(), ask()]
  calls.answer(asked[0] ?? 0, 'answer')
  expect(await first).toBe('answer')
  worker.emit('error', new Error('astray'))
  worker.emit('exit', 1)
  await expect(second).rejects.toMatchObject({
    reason: 'keeper.thread-ended',
    message: expect.stringContaining('astray'),
  })
  await expect(ask()).rejects.toMatchObject({ reason: 'keeper.thread-ended' })
  expect(asked).toHaveLength(2)
  expect(ends).toHaveLength(1)
})
