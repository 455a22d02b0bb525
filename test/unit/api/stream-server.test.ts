import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { serveStream } from '../../../engine/api/stream-server.ts'

/** The engine's end of a port, and what came out of it. */
function makePort() {
  const events = new EventEmitter()
  const sent: unknown[] = []
  const port = {
    on: (event: string, listener: (message: { readonly data: unknown }) => void) => events.on(event, listener),
    start() {},
    postMessage: (message: unknown) => void sent.push(message),
    close: () => void sent.push('closed'),
  }
  return { port, sent, send: (v: unknown) => events.emit('message', { data: { t: 'data', v } }), events }
}
const MEBIBYTE = 1024 * 1024
const piece = (bytes: number) => ({ type: 'data', data: new Uint8Array(bytes) })
const accept = (frame: unknown) => frame

/** Reads nothing, and ends when it is cancelled. */
async function* deaf({ signal }: { readonly signal: AbortSignal }): AsyncIterable<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

describe('what a window sends into a stream', () => {
  test('waits in order for who reads it', async () => {
    const { port, sent, send } = makePort()
    const done = serveStream(port, {
      accept,
      async *produce({ up }) {
        for await (const frame of up) {
          yield frame
          if (frame === 'last') return
        }
      },
    })
    for (const frame of ['first', 'second', 'last']) send(frame)
    await done
    expect(sent).toEqual([
      { t: 'data', v: 'first' },
      { t: 'data', v: 'second' },
      { t: 'data', v: 'last' },
      { t: 'end' },
      'closed',
    ])
  })

  test('ends the stream with a clear error when more than 16 MiB wait that nobody reads', async () => {
    const { port, sent, send } = makePort()
    const done = serveStream(port, { accept, produce: deaf })
    for (let index = 0; index < 15; index += 1) send(piece(MEBIBYTE))
    await turn()
    expect(sent).toEqual([])
    for (let index = 0; index < 15; index += 1) send(piece(MEBIBYTE))
    await done
    expect(sent).toEqual([
      { t: 'error', e: expect.objectContaining({ code: 'unavailable', reason: 'stream.not-read' }) },
      'closed',
    ])
  })

  test('counts frames without data, and the whole buffer behind a view of a few bytes', async () => {
    for (const [frame, most] of [
      [{ type: 'eof' }, 17_000],
      [{ type: 'data', data: new Uint8Array(new ArrayBuffer(MEBIBYTE), 0, 1) }, 17],
    ] as const) {
      const { port, sent, send } = makePort()
      const done = serveStream(port, { accept, produce: deaf })
      for (let index = 0; index < most; index += 1) send(frame)
      await done
      expect(sent).toMatchObject([{ e: { reason: 'stream.not-read' } }, 'closed'])
    }
  })

  test('may be one piece of any size, and goes on once what waited is read', async () => {
    const { port, sent, send, events } = makePort()
    const done = serveStream(port, {
      accept,
      async *produce({ up }) {
        for await (const frame of up) yield (frame as { data: Uint8Array }).data.byteLength
      },
    })
    for (let index = 0; index < 4; index += 1) {
      send(piece(20 * MEBIBYTE))
      await turn()
    }
    expect(sent).toEqual(Array(4).fill({ t: 'data', v: 20 * MEBIBYTE }))
    events.emit('close')
    await done
  })

  test('ends the stream at once when it is no frame of the procedure', async () => {
    const { port, sent, send } = makePort()
    const done = serveStream(port, {
      produce: deaf,
      accept: () => {
        throw new TypeError('no such frame')
      },
    })
    send({ junk: 'x' })
    send({ junk: 'y' })
    await done
    expect(sent).toEqual([{ t: 'error', e: expect.objectContaining({ message: 'no such frame' }) }, 'closed'])
  })
})
