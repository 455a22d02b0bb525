import type { Readable, Writable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { EngineError } from '../contract/errors.ts'
import type { ArchivePlace, PathChange, PathStat, ReadProgress } from '../host/archive.ts'
import type { Host, HostCallContext } from '../host/host.ts'
import { untilDrained } from '../lib/async.ts'
import type { Layout } from '../store/layout.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { listenOnce } from './one-connection.ts'

export type { PathChange, PathStat } from '../host/archive.ts'

/** A tar on its way out. `ended` settles after its last byte; it fails when the tar is not whole. */
export interface OutgoingTar {
  readonly stat: PathStat
  readonly stream: Readable
  readonly ended: Promise<void>
}
export interface WriteOptions {
  readonly path: string
  readonly keepKinds: boolean
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** Files of containers, alive or not, with their volumes and binds. Paths never lead out of a container. */
export interface ContainerFiles {
  stat(record: ContainerRecord, path: string): Promise<PathStat>
  read(record: ContainerRecord, path: string, signal: AbortSignal): Promise<OutgoingTar>
  write(record: ContainerRecord, input: Readable, options: WriteOptions, signal: AbortSignal): Promise<void>
  /** The root file system alone. */
  export(record: ContainerRecord, signal: AbortSignal): Promise<OutgoingTar>
  changes(record: ContainerRecord): Promise<PathChange[]>
  /** What a layer has changed of those below it, the highest of them first. */
  compare(upper: string, lower: readonly string[]): Promise<PathChange[]>
  /** The writable layer as a layer of an image. */
  layer(record: ContainerRecord, signal: AbortSignal): Promise<Omit<OutgoingTar, 'stat'>>
}

/** How long after the end of a copy its connection may still wait to be taken. */
const LATEST_CONNECTION_MS = 10_000
/** About what the kernel takes into a socket at once. */
const BATCH_BYTES = 192 * 1024

/** Files by the keeper's archive workers. */
export function createContainerFiles(options: {
  readonly host: Host
  readonly layout: Layout
  /** Holds the sockets that bytes go over. */
  readonly socketFolder: string
}): ContainerFiles {
  const { host, layout, socketFolder } = options
  const layersOf = (record: ContainerRecord) => [...record.chainIds].reverse().map(layout.layer)

  const placeOf = (record: ContainerRecord): ArchivePlace => {
    const { init } = record.state
    if (init) return { kind: 'process', pid: init.pid }
    const mounts = record.mounts
      .filter(({ type }) => type !== 'tmpfs')
      .map(({ hostPath, subpath, target, readOnly }) => ({ source: hostPath, subpath, target, readOnly }))
    return { kind: 'layers', overlay: overlayOf(record), mounts }
  }
  const overlayOf = ({ id, ...record }: ContainerRecord) => ({
    lower: layersOf({ id, ...record }),
    upper: layout.upper(id),
    work: layout.work(id),
    target: layout.merged(id),
  })

  /** Runs a call that connects to a socket of its own; answers with the connection and the call's end. */
  const withSocket = async (
    call: (socketPath: string, context: HostCallContext) => Promise<void>,
    signal: AbortSignal,
  ) => {
    const one = await listenOnce(socketFolder)
    let stat: PathStat | undefined
    let tellStat: (() => void) | undefined
    const known = new Promise<void>((resolve) => {
      tellStat = resolve
    })
    const onProgress = (progress: unknown) => {
      stat = (progress as ReadProgress).stat
      tellStat?.()
    }
    const ended = call(one.path, { signal, onProgress })
    ended.catch(() => {})
    // A short copy may be over before its connection is taken: that waits in the queue then, and is not late.
    const isOver = ended.then(async () => {
      await wait(LATEST_CONNECTION_MS, undefined, { ref: false })
      throw new EngineError('internal', 'archive.no-connection', 'the copy ended before it began')
    })
    isOver.catch(() => {})
    const socket = await Promise.race([one.accept(), isOver]).finally(() => one.close())
    // The connection closes when nobody wants it any more, which ends the worker, and when the worker has closed its half:
    // ours would stay open for ever.
    const close = () => socket.destroy()
    if (signal.aborted) close()
    signal.addEventListener('abort', close, { once: true })
    socket.once('end', close)
    socket.once('close', () => signal.removeEventListener('abort', close))
    return { socket, ended, stat: async () => (await Promise.race([known, isOver]), stat as PathStat) }
  }
  const readPlace = async (place: ArchivePlace, path: string, signal: AbortSignal): Promise<OutgoingTar> => {
    const call = (socketPath: string, context: HostCallContext) =>
      host.readArchive({ place, path, socketPath }, context)
    const { socket, ended, stat } = await withSocket(call, signal)
    return { stat: await stat(), stream: socket, ended }
  }

  const compare = async (upper: string, lower: readonly string[]) => {
    const call = (socketPath: string, context: HostCallContext) =>
      host.readChanges({ upper, lower, socketPath }, context)
    const { socket, ended } = await withSocket(call, new AbortController().signal)
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) text += String(chunk)
    await ended
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as PathChange)
  }

  return {
    stat: (record, path) => host.statPath({ place: placeOf(record), path }),
    read: (record, path, signal) => readPlace(placeOf(record), path, signal),
    export: (record, signal) => {
      const isMounted = record.state.init !== null
      const layers: ArchivePlace = { kind: 'layers', overlay: overlayOf(record), mounts: [] }
      return readPlace(isMounted ? { kind: 'folder', path: layout.merged(record.id) } : layers, '', signal)
    },
    async write(record, input, { path, keepKinds, owner }, signal) {
      const place = placeOf(record)
      const call = (socketPath: string, context: HostCallContext) =>
        host.writeArchive({ place, path, socketPath, keepKinds, owner }, context)
      const { socket, ended } = await withSocket(call, signal)
      // It says nothing on it, and is heard to the end.
      socket.resume()
      // What goes wrong at the worker says more than a broken pipe.
      await Promise.all([sendInBatches(input, socket).catch(() => socket.destroy()), ended])
    },
    changes: (record) => compare(layout.upper(record.id), layersOf(record)),
    compare,
    async layer({ id }, signal) {
      const call = (socketPath: string, context: HostCallContext) =>
        host.readLayer({ folder: layout.upper(id), socketPath }, context)
      const { socket, ended } = await withSocket(call, signal)
      return { stream: socket, ended }
    },
  }
}

/**
 * A write for each of a client's small chunks would wake the reader for each: many go in one. When the reader is gone, what
 * still comes is let pass, so that the client hears why.
 */
async function sendInBatches(input: Readable, output: Writable): Promise<void> {
  let gathered = 0
  output.cork()
  for await (const chunk of input.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (output.destroyed) break
    output.write(chunk)
    gathered += chunk.length
    if (gathered < BATCH_BYTES) continue
    gathered = 0
    output.uncork()
    if (output.writableNeedDrain) await untilDrained(output)
    output.cork()
  }
  output.uncork()
  output.end()
  input.resume()
}
