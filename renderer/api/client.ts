import type { Client as ClientOf } from '../../engine/contract/define.ts'
import type { desktop as desktopContract } from '../../engine/contract/desktop.ts'
import { type Client, type ClientStream, EngineError, type WireError } from '../../engine/contract/index.ts'
import { unitsOf } from '../../engine/contract/units.ts'

interface Bridge {
  invoke(path: string, input: unknown): Promise<{ ok: true; value: unknown } | { ok: false; error: WireError }>
  open(path: string, input: unknown, nonce: string): void
  pathForFile(file: File): string
}
declare global {
  interface Window {
    readonly slipway: Bridge
  }
}

/** Calls that answer more than once; the window does without the contract's schemas, so a test holds this to it. */
export const STREAMS: ReadonlySet<string> = new Set([
  'capture.start',
  'container.logFollow',
  'container.stats',
  'container.attach',
  'container.exec',
  'desktop.log',
  'desktop.requests',
  'image.importArchive',
  'image.pull',
  'image.push',
  'image.save',
  'network.traffic',
  'system.events',
])

type DesktopClient = ClientOf<{ readonly desktop: typeof desktopContract }>['desktop']

const procedures = new Proxy({} as Client & { readonly desktop: DesktopClient }, {
  get: (_target, noun: string) =>
    new Proxy(
      {},
      {
        get: (_inner, verb: string) => (input: unknown) => {
          const path = `${noun}.${verb}`
          return STREAMS.has(path) ? openStream(path, input) : call(path, input)
        },
      },
    ),
})

/** The engine, as the contract declares it. */
export const api: Client = procedures

/** The app around this window. */
export const desktop: DesktopClient = procedures.desktop

async function call(path: string, input: unknown): Promise<unknown> {
  const answer = await window.slipway.invoke(path, input)
  if (answer.ok) return answer.value
  throw EngineError.fromWire(answer.error)
}

type Frame = { t: 'data'; v: unknown } | { t: 'end' } | { t: 'error'; e: WireError }

function openStream(path: string, input: unknown): ClientStream<unknown, unknown> {
  const nonce = crypto.randomUUID()
  const frames: Frame[] = []
  const outgoing: unknown[] = []
  let port: MessagePort | undefined
  let wake: (() => void) | undefined
  let isClosed = false
  const onPort = (event: MessageEvent) => {
    if (event.source !== window || (event.data as { slipwayPort?: string })?.slipwayPort !== nonce) return
    window.removeEventListener('message', onPort)
    port = event.ports[0]
    if (!port) return
    if (isClosed) return port.close()
    port.onmessage = ({ data }) => {
      frames.push(data as Frame)
      wake?.()
    }
    for (const message of outgoing) port.postMessage(message)
  }
  window.addEventListener('message', onPort)
  window.slipway.open(path, input, nonce)
  const post = (message: unknown) => (port ? port.postMessage(message) : outgoing.push(message))
  return {
    send: (frame) => void post({ t: 'data', v: frame }),
    close() {
      isClosed = true
      port?.close()
      frames.push({ t: 'end' })
      wake?.()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const frame = frames.shift()
        if (!frame) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          wake = undefined
        } else if (frame.t === 'data') {
          yield frame.v
          post({ t: 'ack', n: unitsOf(frame.v) })
        } else if (frame.t === 'error') throw EngineError.fromWire(frame.e)
        else return
      }
    },
  }
}
