import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { EngineError } from '../../../contract/errors.ts'

/*
 * conmon is the shim: one process a container (or exec), the parent of the runtime's init.
 *
 *   fd 3  sync pipe    conmon → us   {"data":PID} · {"data":-1,"message":…} · exec only: {"data":EXITCODE} at the end
 *   fd 4  start pipe   us → conmon   a byte: go on (a second one for exec, once we are attached)
 *   fd 5  attach pipe  conmon → us   exec only: {"data":0} once the attach socket listens
 */

/** Where runtime and shim are and how they run. */
export interface ShimConfig {
  readonly conmon: string
  readonly runtime: string
  readonly runtimeRoot: string
  readonly rootless: boolean
}

/** Whether the runtime is runc, and not crun. */
export const isRunc = ({ runtime }: Pick<ShimConfig, 'runtime'>): boolean => !runtime.endsWith('crun')

/** Global options of the runtime, before its verb. Without a file it logs to its stderr (a socket: `/dev/stderr` cannot be opened). */
export function runtimeGlobals(config: ShimConfig, logFile: string): string[] {
  return [
    `--root=${config.runtimeRoot}`,
    '--log-format=json',
    ...(logFile ? [`--log=${logFile}`] : []),
    ...(config.rootless && isRunc(config) ? ['--rootless=true'] : []),
  ]
}

function sharedArgs(
  config: ShimConfig,
  ids: { readonly containerId: string; readonly unitId: string; readonly folder: string },
): string[] {
  const { containerId, unitId, folder } = ids
  return [
    ...['--api-version', '1', '-c', containerId, '-u', unitId, '-n', unitId, '-r', config.runtime, '-b', folder],
    ...['-p', `${folder}/pidfile`, '--conmon-pidfile', `${folder}/conmon.pid`, '--full-attach', '--log-level', 'error'],
    ...runtimeGlobals(config, `${folder}/oci-log`).map((argument) => `--runtime-arg=${argument}`),
  ]
}

/** conmon's arguments for a container. A terminal implies stdin: `-i` beside `-t` would close the pty on detach. */
export function createArgs(
  config: ShimConfig,
  container: {
    readonly containerId: string
    readonly bundle: string
    readonly exits: string
    readonly logPath: string
    readonly tty: boolean
    readonly openStdin: boolean
  },
): string[] {
  const { containerId, bundle, exits, logPath, tty, openStdin } = container
  return [
    ...sharedArgs(config, { containerId, unitId: containerId, folder: bundle }),
    ...['--exit-dir', exits, '--persist-dir', bundle, '-l', logPath ? `k8s-file:${logPath}` : 'none'],
    ...(tty ? ['-t'] : openStdin ? ['-i'] : []),
  ]
}

/** conmon's arguments for a further process in a container. */
export function execArgs(
  config: ShimConfig,
  exec: {
    readonly containerId: string
    readonly execId: string
    readonly folder: string
    readonly tty: boolean
    readonly openStdin: boolean
  },
): string[] {
  const { containerId, execId, folder, tty, openStdin } = exec
  return [
    ...sharedArgs(config, { containerId, unitId: execId, folder }),
    ...['-e', '--exec-attach', '--exec-process-spec', `${folder}/process.json`, '-l', 'none'],
    ...(tty ? ['-t'] : openStdin ? ['-i'] : []),
  ]
}

export interface SyncMessage {
  readonly data: number
  readonly message?: string
}
/** A conmon at work. */
export interface Conmon {
  /** Next message of the sync pipe; `null` once conmon closed it. */
  nextSync(): Promise<SyncMessage | null>
  nextAttach(): Promise<SyncMessage | null>
  /** Lets it go on. */
  go(): void
  stderr(): string
  /** Closes our ends of the pipes. */
  release(): void
}

/** Starts conmon; its pipes are plain ones. */
export function spawnConmon(config: ShimConfig, args: readonly string[]): Promise<Conmon> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(config.conmon, [...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      cwd: '/',
      env: {
        PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        ...(process.env['XDG_RUNTIME_DIR'] ? { XDG_RUNTIME_DIR: process.env['XDG_RUNTIME_DIR'] } : {}),
        _OCI_SYNCPIPE: '3',
        _OCI_STARTPIPE: '4',
        _OCI_ATTACHPIPE: '5',
      },
    })
    const [, , err, sync, start, attach] = child.stdio as unknown as [null, null, Readable, Duplex, Duplex, Duplex]
    child.once('error', (cause) =>
      reject(
        new EngineError('unavailable', 'process.not-started', `${config.conmon} cannot be started: ${cause.message}`, {
          cause,
        }),
      ),
    )
    let stderr = ''
    err?.on('data', (chunk: Buffer) => {
      if (stderr.length < 4096) stderr += chunk.toString()
    })
    child.once('spawn', () => {
      for (const stream of [err, sync, start, attach]) stream.on('error', () => {})
      const nextSync = readMessages(sync)
      const nextAttach = readMessages(attach)
      resolve({
        nextSync,
        nextAttach,
        go: () => void (start.writable && start.write('\0')),
        stderr: () => stderr.trim(),
        release: () => [err, sync, start, attach].forEach((stream) => stream.destroy()),
      })
    })
  })
}

/** Messages of a pipe, a JSON text a line, one at a time; `null` at its end. */
function readMessages(stream: Readable): () => Promise<SyncMessage | null> {
  const messages: SyncMessage[] = []
  let rest = ''
  let isEnded = false
  let wake: (() => void) | undefined
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      try {
        messages.push(JSON.parse(line) as SyncMessage)
      } catch {
        // No message of conmon's.
      }
    }
    wake?.()
  })
  stream.on('close', () => {
    isEnded = true
    wake?.()
  })
  stream.on('end', () => stream.destroy())
  return async () => {
    while (!messages.length && !isEnded) await new Promise<void>((resolve) => (wake = resolve))
    return messages.shift() ?? null
  }
}
