import fs from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host, HostEvent, LiveContainer, ProcessRef } from '../../../host/host.ts'
import { run } from '../../exec.ts'
import { isAlive, readStartTicks, signalNumber, signalProcess } from '../../libc/process.ts'
import { isRunc, runtimeGlobals, type ShimConfig } from './conmon.ts'
import { resizeLine, writeControl } from './control-fifo.ts'
import { launchContainer } from './create.ts'
import { openExec } from './exec-session.ts'
import { settleExit, type WatchedContainer, watched } from './exit.ts'
import { groupOf, removeGroups } from './groups.ts'
import { watchLog } from './log-rotation.ts'
import { findMakers, findOwners, sweepExecs } from './orphans.ts'
import { listProcesses } from './processes.ts'
import { type ContainerFile, cleanBundle, openContainerFiles, readPid } from './records.ts'
import { startRelay } from './relay.ts'
import { runExecOnce } from './run-exec.ts'
import { deleteState, startByFifo } from './runc-state.ts'
import { runtimeError } from './runtime-error.ts'
import { readStats } from './stats.ts'
import { openTerminalStream } from './terminal-stream.ts'

const SIGKILL = 9
const RUNTIME_SECONDS = 60
const SHIM_EXIT_MS = 3000

/** How the container half of the keeper is set up. */
export interface ContainerHostOptions {
  /** e.g. `/run/slipway/keeper`; see `records.ts` for what lies in it. */
  readonly stateFolder: string
  readonly rootless: boolean
  /** Path of runc or crun. */
  readonly runtime: string
  readonly conmon: string
  readonly cgroupManager: 'cgroupfs'
  /** The keeper's bundled file: started again as a worker with `{ role: 'attach-relay' }`. */
  readonly entry: { readonly file: string }
  readonly onEvent: (event: HostEvent) => void
}
type ContainerCalls =
  | 'createContainer'
  | 'startContainer'
  | 'signalContainer'
  | 'pauseContainer'
  | 'resumeContainer'
  | 'deleteContainer'
  | 'listContainers'
  | 'stats'
  | 'runExec'
  | 'resizeContainer'
  | 'updateContainer'
  | 'listProcesses'
  | 'attach'
  | 'exec'
/** The calls of `Host` about containers. `close` lets go of them; they run on. */
export type ContainerHost = Pick<Host, ContainerCalls> & { close(): Promise<void> }

/** Runs containers by runc and conmon, and adopts those that an earlier keeper left in the same state folder. */
export function createContainerHost(options: ContainerHostOptions): ContainerHost {
  const files = openContainerFiles(options.stateFolder)
  const { exits, execs } = files.folders
  const configFor = (runtime: string): ShimConfig => {
    const runtimeRoot = `${options.stateFolder}/${path.basename(runtime)}`
    return { conmon: options.conmon, runtime, runtimeRoot, rootless: options.rootless }
  }
  const containers = new Map<string, WatchedContainer>()
  const orphans = sweepExecs(execs)
  const relay = startRelay(options.entry.file, (id) => {
    if (orphans.delete(id)) fs.rmSync(id, { recursive: true, force: true })
    else void onShimGone(id)
  })
  for (const [folder, shim] of orphans) relay.watch(folder, shim)

  /** A container stays with the runtime that made it: they do not read each other's state. Without a record, its folder tells. */
  const configOf = (id: string) => configFor(containers.get(id)?.file.runtime ?? runtimeByFolder(id))
  const runtimeByFolder = (id: string) => {
    const others = ['runc', 'crun'].filter((name) => name !== path.basename(options.runtime))
    return others.find((name) => fs.existsSync(`${options.stateFolder}/${name}/${id}`)) ?? options.runtime
  }

  const runtime = async (
    containerId: string,
    verb: readonly string[],
    { config = configOf(containerId) } = {},
  ): Promise<void> => {
    const argv = [config.runtime, ...runtimeGlobals(config, ''), ...verb]
    await run(argv, { timeoutSeconds: RUNTIME_SECONDS }).catch((error: unknown) => {
      const said =
        error instanceof EngineError && error.reason === 'process.failed' && error.code === 'internal'
          ? String(error.details?.['stderr'] ?? '')
          : ''
      throw said ? runtimeError(lastWord(said), containerId) : error
    })
  }
  const killLost = async (id: string) => {
    await runtime(id, ['kill', '--all', id, 'KILL']).catch(() => {})
  }

  const removeByRuntime = (containerId: string, config: ShimConfig) =>
    runtime(containerId, ['delete', '--force', containerId], { config }).catch((error: unknown) => {
      if (!(error instanceof EngineError && error.reason === 'runtime.no-such-container')) throw error
    })
  /** Takes away what was not seen made to its end: whoever is still at it is waited for, and may leave what the runtime knows nothing of. */
  const takeAway = async ({ containerId, bundle }: { readonly containerId: string; readonly bundle: string }) => {
    const config = configOf(containerId)
    await Promise.all(findMakers(bundle).map(waitUntilGone))
    await removeByRuntime(containerId, config)
    await removeGroups(groupOf(bundle))
  }

  const onShimGone = async (id: string) => {
    const container = containers.get(id)
    if (!container || container.file.exit) return
    const exit = await settleExit(container, files, killLost)
    if (exit && containers.get(id) === container) options.onEvent({ type: 'exit', containerId: id, ...exit })
  }

  const adopt = async (file: ContainerFile) => {
    const init = known(file.init, `${file.bundle}/pidfile`)
    const conmon = known(file.conmon, `${file.bundle}/conmon.pid`, file.bundle)
    const container = watched({ ...file, init, conmon }, file.init.pid > 0)
    containers.set(file.containerId, container)
    if (file.exit) return container.markExited(file.exit)
    if (isAlive(conmon)) follow(container)
    else await settleExit(container, files, killLost)
  }
  const follow = (container: WatchedContainer) => {
    const { containerId, bundle, logPath, logMaxBytes, logMaxFiles, conmon } = container.file
    const rotation = watchLog({ path: logPath, bundle, maxBytes: logMaxBytes, maxFiles: logMaxFiles })
    container.onExit(() => rotation.stop())
    relay.watch(containerId, conmon)
  }
  const adopted = Promise.all(files.list().map(adopt))

  const find = async (id: string): Promise<WatchedContainer> => {
    await adopted
    const container = containers.get(id)
    if (container) return container
    throw new EngineError('notFound', 'runtime.no-such-container', `container ${id} is not known to the keeper`)
  }
  const setPaused = async (id: string, paused: boolean) => {
    const container = await find(id)
    await runtime(id, [paused ? 'pause' : 'resume', id])
    container.file = { ...container.file, paused }
    files.put(container.file)
  }

  return {
    async createContainer(params, context) {
      await adopted
      if (containers.has(params.containerId))
        throw new EngineError('conflict', 'runtime.container-exists', `container ${params.containerId} exists`)
      const file = await launchContainer(
        { config: configFor(options.runtime), files, exits },
        params,
        context?.signal,
      ).catch(async (error: unknown) => {
        await takeAway(params).catch(() => {})
        files.remove(params.containerId)
        throw error
      })
      const container = watched(file)
      containers.set(params.containerId, container)
      follow(container)
      return { init: file.init, conmon: file.conmon }
    },
    async startContainer({ containerId }) {
      const { file } = await find(containerId)
      const config = configOf(containerId)
      if (isRunc(config) && (await startByFifo(`${config.runtimeRoot}/${containerId}`, file.init))) return
      await runtime(containerId, ['start', containerId])
    },
    async signalContainer({ containerId, signal, all }) {
      const { file } = await find(containerId)
      const number = signalNumber(signal)
      if (!number) throw new EngineError('invalidArgument', 'signal.invalid', `invalid signal: ${signal}`)
      if (!file.exit && !all && !(file.paused && number === SIGKILL) && signalProcess(file.init, number)) return
      if (!isAlive(file.init))
        throw new EngineError('conflict', 'container.not-running', `container ${containerId} is not running`)
      await runtime(containerId, ['kill', ...(all ? ['--all'] : []), containerId, String(number)])
    },
    pauseContainer: ({ containerId }) => setPaused(containerId, true),
    resumeContainer: ({ containerId }) => setPaused(containerId, false),
    async deleteContainer({ containerId }) {
      await adopted
      const container = containers.get(containerId)
      const config = configOf(containerId)
      relay.unwatch(containerId)
      containers.delete(containerId)
      const isEnded =
        container?.isComplete &&
        isRunc(config) &&
        deleteState(`${config.runtimeRoot}/${containerId}`, container.file.init)
      if (!isEnded) await removeByRuntime(containerId, config)
      if (container) {
        await waitUntilGone(container.file.conmon)
        // A shim that was still making the container when its keeper died has made it meanwhile.
        if (!container.isComplete) await takeAway(container.file)
        container.markExited(
          files.readExit(container.file) ?? {
            exitCode: 137,
            oomKilled: false,
            shimLost: false,
            time: new Date().toISOString(),
          },
        )
        cleanBundle(container.file.bundle)
      }
      files.remove(containerId)
    },
    async listContainers() {
      await adopted
      return [...containers.values()].map(({ file }): LiveContainer => {
        const { containerId, init, conmon, exit } = file
        return {
          containerId,
          init,
          conmon,
          state: exit ? 'exited' : 'running',
          exitCode: exit?.exitCode ?? 0,
          oomKilled: exit?.oomKilled ?? false,
          shimLost: exit?.shimLost ?? false,
          exitedAt: exit?.time ?? '',
        }
      })
    },
    async stats({ ids }) {
      await adopted
      return readStats(ids.flatMap((id) => containers.get(id)?.file ?? []))
    },
    async runExec(params, context) {
      await find(params.containerId)
      return runExecOnce(configOf(params.containerId), execs, { ...params, signal: context?.signal })
    },
    async resizeContainer({ containerId, columns, rows }) {
      const { file } = await find(containerId)
      if (file.tty && !file.exit) await writeControl(file.bundle, resizeLine(columns, rows))
    },
    async updateContainer({ containerId, resources }) {
      const { bundle } = (await find(containerId)).file
      // In a file: crun opens /dev/stdin by its name, which the kernel refuses where that is a socket, as Node's pipes are.
      const asked = `${bundle}/resources.json`
      fs.writeFileSync(asked, JSON.stringify(resources))
      await runtime(containerId, ['update', '--resources', asked, containerId])
    },
    async listProcesses({ containerId, psArgs }) {
      return listProcesses((await find(containerId)).file.init, psArgs)
    },
    async attach({ containerId, holdsBack = false }) {
      const container = await find(containerId)
      const { bundle, openStdin } = container.file
      if (container.file.exit)
        throw new EngineError('conflict', 'container.not-running', `container ${containerId} is not running`)
      return openTerminalStream({
        relay,
        folder: bundle,
        mode: holdsBack ? 'exec' : 'attach',
        takesStdin: openStdin,
        endsStdin: false,
        resize: (columns, rows) => void writeControl(bundle, resizeLine(columns, rows)),
        outcome: async () => (await container.exited).exitCode,
      })
    },
    async exec(params) {
      const { file } = await find(params.containerId)
      if (file.exit)
        throw new EngineError('conflict', 'container.not-running', `container ${params.containerId} is not running`)
      return openExec({ config: configOf(params.containerId), relay, execs }, params)
    },
    async close() {
      await adopted
      for (const container of containers.values()) container.letGo()
      await relay.close()
    },
  }
}

/** A process by its record; by its pid file or its arguments when the keeper died before it could write it down. */
function known(process: ProcessRef, pidFile: string, bundle = ''): ProcessRef {
  if (process.pid) return process
  const pid = readPid(pidFile)
  if (pid) return { pid, startTicks: readStartTicks(pid) }
  // A shim that has only just been started has not said its number yet.
  const [shim] = bundle ? findOwners(bundle) : []
  return shim ?? { pid: 0, startTicks: 0 }
}

/** conmon still writes its exit file when its container is gone; past the limit it is killed. */
async function waitUntilGone(process: ProcessRef): Promise<void> {
  for (let waited = 0; isAlive(process); waited += 10) {
    if (waited > SHIM_EXIT_MS) signalProcess(process, SIGKILL)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The error among a runtime's JSON log lines and plain text. */
function lastWord(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  try {
    return (JSON.parse(line) as { msg?: string }).msg ?? line
  } catch {
    return line
  }
}
