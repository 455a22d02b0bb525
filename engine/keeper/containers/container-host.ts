import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { CreateContainerParams, Host, HostEvent, LiveContainer, ProcessRef } from '../../host/host.ts'
import { run } from '../exec.ts'
import { readStats } from './cgroup.ts'
import { classifyRuntimeError, conmonArguments, runtimeError, runtimeGlobals, type ShimOptions, spawnConmon } from './conmon.ts'
import { createExecHost } from './exec-host.ts'
import { rotateLog } from './log-rotation.ts'
import { isAlive, refOf } from './process-ref.ts'
import { createRelay } from './relay.ts'
import { createTerminal } from './terminal.ts'

const SHIM_GRACE_MS = 2000

/** A container as the keeper remembers it, in `<state>/containers/<id>.json`. */
export interface KeptContainer extends CreateContainerParams {
  readonly init: ProcessRef
  readonly conmon: ProcessRef
}

export interface ContainerHostOptions {
  readonly stateFolder: string
  readonly rootless: boolean
  readonly runtime: string
  readonly conmon: string
  /** The keeper's bundled file: its threads are started from it. */
  readonly keeperFile: string
  readonly onEvent: (event: HostEvent) => void
}

type ContainerCalls = Pick<
  Host,
  | 'createContainer'
  | 'startContainer'
  | 'signalContainer'
  | 'pauseContainer'
  | 'resumeContainer'
  | 'deleteContainer'
  | 'listContainers'
  | 'stats'
  | 'runExec'
  | 'attach'
  | 'exec'
>

/** Containers by conmon and runc: life cycle, exits, terminals, statistics. */
export function createContainerHost(options: ContainerHostOptions): ContainerCalls & { close(): Promise<void> } {
  const { stateFolder } = options
  const shim: ShimOptions = {
    conmon: options.conmon,
    runtime: options.runtime,
    runtimeRoot: path.join(stateFolder, 'runc'),
    exitFolder: path.join(stateFolder, 'exits'),
    rootless: options.rootless,
  }
  const recordFolder = path.join(stateFolder, 'containers')
  const recordFile = (id: string) => path.join(recordFolder, `${id}.json`)
  const relay = createRelay(options.keeperFile)
  const kept = new Map<string, KeptContainer>()
  const exits = new Map<string, { exitCode: number; oomKilled: boolean }>()
  const exitListeners = new Map<string, Set<(exitCode: number) => void>>()
  const rotations = new Map<string, { stop(): void }>()
  const runtime = (args: readonly string[], timeoutSeconds = 30) => run([shim.runtime, ...runtimeGlobals(shim), ...args], { timeoutSeconds })

  const ready = mkdir(recordFolder, { recursive: true, mode: 0o700 }).then(() => mkdir(shim.exitFolder, { recursive: true, mode: 0o700 }))

  const tellExit = (container: KeptContainer, facts: { exitCode: number; shimLost: boolean; time: Date }) => {
    const { containerId, bundle } = container
    if (exits.has(containerId)) return
    const oomKilled = existsSync(`${bundle}/oom`)
    exits.set(containerId, { exitCode: facts.exitCode, oomKilled })
    rotations.get(containerId)?.stop()
    rotations.delete(containerId)
    for (const listener of exitListeners.get(containerId) ?? []) listener(facts.exitCode)
    exitListeners.delete(containerId)
    options.onEvent({ type: 'exit', containerId, exitCode: facts.exitCode, oomKilled, shimLost: facts.shimLost, time: facts.time.toISOString() })
  }

  const readExitFile = (id: string) => {
    const file = path.join(shim.exitFolder, id)
    try {
      return { exitCode: Number(readFileSync(file, 'utf8')), time: statSync(file).mtime }
    } catch {
      return null
    }
  }

  /** conmon is gone: with an exit file that is the end; without one the shim was lost and what still runs is ended. */
  const shimGone = async (container: KeptContainer) => {
    const exit = readExitFile(container.containerId)
    if (exit) return tellExit(container, { ...exit, shimLost: false })
    if (isAlive(container.init)) await runtime(['kill', '--all', container.containerId, 'KILL']).catch(() => {})
    const deadline = Date.now() + SHIM_GRACE_MS
    while (isAlive(container.init) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
    tellExit(container, { exitCode: 255, shimLost: true, time: new Date() })
  }

  const adopt = (container: KeptContainer) => {
    kept.set(container.containerId, container)
    if (container.logMaxBytes > 0) {
      rotations.set(
        container.containerId,
        rotateLog({ logPath: container.logPath, ctlPath: `${container.bundle}/ctl`, maxBytes: container.logMaxBytes, maxFiles: container.logMaxFiles }),
      )
    }
    if (isAlive(container.conmon)) relay.watch(container.conmon.pid, () => void shimGone(container))
    else void shimGone(container)
  }

  const restored = ready.then(() => {
    for (const file of readdirSync(recordFolder)) {
      try {
        adopt(JSON.parse(readFileSync(path.join(recordFolder, file), 'utf8')) as KeptContainer)
      } catch {
        rmSync(path.join(recordFolder, file), { force: true })
      }
    }
  })

  const find = (id: string): KeptContainer => {
    const container = kept.get(id)
    if (!container) throw new EngineError('notFound', 'container.not-found', `the keeper knows no container ${id}`)
    return container
  }

  return {
    async createContainer(params) {
      await restored
      const { containerId, bundle } = params
      rmSync(path.join(shim.exitFolder, containerId), { force: true })
      const args = [
        ...conmonArguments(shim, { ...params, uniqueId: containerId }),
        ...['--exit-dir', shim.exitFolder, '--persist-dir', bundle, '-l', `k8s-file:${params.logPath}`],
      ]
      const answer = await spawnConmon(shim, args, { isExec: false }).next()
      if (!answer || answer.data <= 0) {
        const error = await runtimeError(bundle, answer?.message ?? 'conmon ended without an answer')
        await runtime(['delete', '--force', containerId]).catch(() => {})
        throw error
      }
      const conmonPid = Number(readFileSync(`${bundle}/conmon.pid`, 'utf8'))
      const container: KeptContainer = { ...params, init: refOf(answer.data), conmon: refOf(conmonPid) }
      exits.delete(containerId)
      await writeFile(recordFile(containerId), JSON.stringify(container), { mode: 0o600 })
      adopt(container)
      return { init: container.init, conmon: container.conmon }
    },
    async startContainer({ containerId }) {
      try {
        await runtime(['start', containerId])
      } catch (error) {
        throw classifyRuntimeError(String(EngineError.from(error).details?.['stderr'] ?? error))
      }
    },
    async signalContainer({ containerId, signal, all }) {
      const { init } = find(containerId)
      if (all) await runtime(['kill', '--all', containerId, signal])
      else if (!isAlive(init)) throw new EngineError('conflict', 'container.not-running', `container ${containerId} is not running`)
      else process.kill(init.pid, signal as NodeJS.Signals)
    },
    pauseContainer: async ({ containerId }) => void (await runtime(['pause', containerId])),
    resumeContainer: async ({ containerId }) => void (await runtime(['resume', containerId])),
    async deleteContainer({ containerId }) {
      await restored
      if (kept.has(containerId) || existsSync(path.join(shim.runtimeRoot, containerId))) {
        await runtime(['delete', '--force', containerId]).catch((error: unknown) => {
          if (!/does not exist/.test(String(error))) throw error
        })
      }
      rotations.get(containerId)?.stop()
      rotations.delete(containerId)
      kept.delete(containerId)
      exits.delete(containerId)
      await rm(recordFile(containerId), { force: true })
      await rm(path.join(shim.exitFolder, containerId), { force: true })
    },
    async listContainers() {
      await restored
      return [...kept.values()].map(({ containerId, init, conmon }): LiveContainer => {
        const exit = exits.get(containerId) ?? readExitFile(containerId)
        const state = exit || !isAlive(init) ? 'exited' : 'running'
        return { containerId, init, conmon, state, exitCode: exit?.exitCode ?? 255, oomKilled: exits.get(containerId)?.oomKilled ?? false }
      })
    },
    stats: async ({ ids }) => ids.flatMap((id) => (kept.has(id) && !exits.has(id) ? [readStats(id, find(id).init.pid)] : [])),
    async attach({ containerId, bundle }) {
      await restored
      const socket = await relay.connect(`${bundle}/attach`, { canPause: false })
      const exited = new Promise<number>((resolve) => {
        const known = exits.get(containerId)
        if (known) return resolve(known.exitCode)
        const listeners = exitListeners.get(containerId) ?? new Set()
        exitListeners.set(containerId, listeners.add(resolve))
      })
      return createTerminal({ socket, ctlPath: `${bundle}/ctl`, exited })
    },
    ...createExecHost({ shim, relay, runtime }),
    async close() {
      for (const rotation of rotations.values()) rotation.stop()
      await relay.close()
    },
  }
}
