import { openSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { enterNetworkNamespace } from '../../libc/listen.ts'
import { openPacketRing, type PacketRing } from '../../libc/packet.ts'
import { connectionError } from '../../libc/relay.ts'
import { clearEventfd, POLLERR, POLLIN, poll } from '../../libc/socket.ts'
import { blockToRecords } from './pcap.ts'

export interface CaptureWorkerData {
  readonly role: 'capture'
  readonly netnsPath: string
  readonly interface: string
  /** An eventfd: messages wait while the thread waits for the kernel. */
  readonly wakeFd: number
}
export type FromCapture =
  | { readonly type: 'started' }
  | { readonly type: 'failed'; readonly errno: number; readonly message: string }
  | { readonly type: 'records'; readonly bytes: Uint8Array; readonly packets: number; readonly dropped: number }
  | { readonly type: 'ended' }
export type ToCapture = { readonly type: 'taken'; readonly bytes: number } | { readonly type: 'stop' }

/** Records that are on their way and not taken yet. Beyond, packets wait in the ring, and are counted where it is full. */
const WINDOW_BYTES = 4 * 1024 * 1024
/** Longer than the kernel keeps a block that is not full: the last packets come with it. */
const LAST_WAIT_MS = 150
const ENETDOWN = 100

/** A thread that goes into a container's namespace and records one interface there until it is told to stop. */
export function runCapture(): void {
  const data = workerData as CaptureWorkerData
  let ring: PacketRing
  try {
    enterNetworkNamespace(openSync(data.netnsPath, 'r'))
    ring = openPacketRing(data.interface)
  } catch (error) {
    tell({ type: 'failed', errno: (error as { errno?: number }).errno ?? 0, message: String(error) })
    return
  }
  try {
    tell({ type: 'started' })
    record(ring, data)
  } finally {
    ring.close()
  }
  tell({ type: 'ended' })
}

const tell = (message: FromCapture, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer)

function record(ring: PacketRing, { wakeFd, interface: name }: CaptureWorkerData): void {
  const isLoopback = name === 'lo'
  let onTheWay = 0
  let isStopped = false
  const forward = () => {
    for (let block = ring.next(); block; block = onTheWay < WINDOW_BYTES ? ring.next() : null) {
      const { records, packets } = blockToRecords(block, { isLoopback })
      onTheWay += records.length
      const bytes = new Uint8Array(records)
      tell({ type: 'records', bytes, packets, dropped: ring.dropped() }, [bytes.buffer])
    }
  }
  while (!isStopped) {
    const packets = onTheWay < WINDOW_BYTES ? [{ fd: ring.fd, events: POLLIN | POLLERR }] : []
    const ready = poll([{ fd: wakeFd, events: POLLIN }, ...packets], -1)
    for (const message of ready.has(wakeFd) ? hear(wakeFd) : []) {
      if (message.type === 'stop') isStopped = true
      else onTheWay -= message.bytes
    }
    const events = ready.get(ring.fd) ?? 0
    if (events) forward()
    if (events & POLLERR && connectionError(ring.fd) === ENETDOWN) isStopped = true
  }
  poll([{ fd: ring.fd, events: POLLIN }], LAST_WAIT_MS)
  forward()
}

/** What was told to this thread while it waited. */
function hear(wakeFd: number): ToCapture[] {
  const messages: ToCapture[] = []
  clearEventfd(wakeFd)
  while (parentPort) {
    const next = receiveMessageOnPort(parentPort) as { message: ToCapture } | undefined
    if (!next) break
    messages.push(next.message)
  }
  return messages
}
