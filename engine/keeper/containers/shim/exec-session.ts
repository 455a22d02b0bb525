import fs from 'node:fs/promises'
import { EngineError } from '../../../contract/errors.ts'
import type { ExecParams, ProcessRef, TerminalStream } from '../../../host/host.ts'
import { ociJson } from '../../../lib/oci-json.ts'
import { readStartTicks, signalProcess } from '../../libc/process.ts'
import { type Conmon, execArgs, type ShimConfig, type SyncMessage, spawnConmon } from './conmon.ts'
import { resizeLine, writeControl } from './control-fifo.ts'
import type { Relay } from './relay.ts'
import { lastLoggedError, runtimeError } from './runtime-error.ts'
import { openTerminalStream } from './terminal-stream.ts'

const SIGHUP = 1
const READY_MS = 30_000

/**
 * Runs a further process in a container behind a conmon of its own:
 * spawn → go → attach socket listens → connect → go → pid → output … → exit code → folder removed.
 * Whoever leaves a terminal hangs up on its process; without a terminal it runs on.
 */
export async function openExec(
  parts: { readonly config: ShimConfig; readonly relay: Relay; readonly execs: string },
  params: ExecParams,
): Promise<TerminalStream> {
  const { containerId, execId, tty, openStdin, columns, rows } = params
  const folder = `${parts.execs}/${execId}`
  await fs.mkdir(folder, { mode: 0o700 })
  let conmon: Conmon | undefined
  const cleanUp = async () => {
    conmon?.release()
    await fs.rm(folder, { recursive: true, force: true })
  }
  try {
    await fs.writeFile(`${folder}/process.json`, ociJson(withTerminal(params)))
    const shim = await spawnConmon(
      parts.config,
      execArgs(parts.config, { containerId, execId, folder, tty, openStdin }),
    )
    conmon = shim
    shim.go()
    const ready = await within(READY_MS, shim.nextAttach())
    if (ready?.data !== 0) throw runtimeError(shim.stderr() || 'conmon did not listen', containerId)

    let init: ProcessRef | null = null
    let hasLeft = false
    let tellStarted: (pid: number) => void = () => {}
    const started = new Promise<number>((resolve) => {
      tellStarted = resolve
    })
    // A client may resize before there is a terminal: the last size counts, and sizes are written one after the other.
    let size = tty && columns && rows ? { columns, rows } : null
    let sizing: Promise<unknown> = Promise.resolve()
    const applySize = () => {
      sizing = sizing.then(() => size && writeControl(folder, resizeLine(size.columns, size.rows)))
    }
    const hangUp = () => void (hasLeft && tty && init && signalProcess(init, SIGHUP))
    const follow = async (): Promise<number | EngineError> => {
      const first = await shim.nextSync()
      if (!first || first.data < 0) {
        tellStarted(0)
        return startError(folder, first, containerId)
      }
      init = { pid: first.data, startTicks: readStartTicks(first.data) }
      tellStarted(first.data)
      hangUp()
      applySize()
      const last = await shim.nextSync()
      return last
        ? last.data
        : new EngineError('unavailable', 'exec.shim-lost', 'the process that watched over this exec is gone')
    }
    const outcome = follow()
    const stream = await openTerminalStream({
      relay: parts.relay,
      folder,
      mode: 'exec',
      takesStdin: openStdin || tty,
      endsStdin: openStdin && !tty,
      resize: (width, height) => {
        size = { columns: width, rows: height }
        if (init) applySize()
      },
      outcome: () => outcome,
      started,
      onLeft() {
        hasLeft = true
        hangUp()
      },
    })
    void outcome.then(cleanUp, cleanUp)
    shim.go()
    return stream
  } catch (error) {
    await cleanUp()
    throw error
  }
}

/** The OCI process with the terminal's first size, so that no program sees 0 × 0. */
function withTerminal({ process, tty, columns, rows }: ExecParams): unknown {
  const size = tty && columns && rows ? { consoleSize: { width: columns, height: rows } } : {}
  return { ...(process as object), terminal: tty, ...size }
}

async function startError(folder: string, message: SyncMessage | null, containerId: string): Promise<EngineError> {
  const log = await fs.readFile(`${folder}/oci-log`, 'utf8').catch(() => '')
  return runtimeError(lastLoggedError(log) || message?.message || '', containerId)
}

/** A promise's value, or `null` when it takes too long. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), milliseconds)))
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
