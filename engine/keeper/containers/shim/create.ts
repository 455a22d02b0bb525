import fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { CreateContainerParams, ProcessRef } from '../../../host/host.ts'
import { readStartTicks, signalProcess } from '../../libc/process.ts'
import { createArgs, type ShimConfig, spawnConmon } from './conmon.ts'
import { type ContainerFile, type ContainerFiles, cleanBundle, readPid } from './records.ts'
import { lastLoggedError, runtimeError } from './runtime-error.ts'

const CREATE_MS = 60_000
const SIGTERM = 15

/** Starts a conmon that lets the runtime create the container, and waits for its pid. Leaves no process when it fails. */
export async function launchContainer(
  parts: { readonly config: ShimConfig; readonly files: ContainerFiles; readonly exits: string },
  params: CreateContainerParams,
  signal?: AbortSignal,
): Promise<ContainerFile> {
  const { containerId, bundle, logPath, tty, openStdin } = params
  const none: ProcessRef = { pid: 0, startTicks: 0 }
  const file: ContainerFile = {
    ...params,
    init: none,
    conmon: none,
    runtime: parts.config.runtime,
    paused: false,
    exit: null,
  }
  cleanBundle(bundle)
  await fs.rm(`${parts.exits}/${containerId}`, { force: true })
  if (logPath) await fs.mkdir(dirname(logPath), { recursive: true })
  parts.files.put(file)
  const shim = await spawnConmon(
    parts.config,
    createArgs(parts.config, { containerId, bundle, exits: parts.exits, logPath, tty, openStdin }),
  )
  const shimRef = () => {
    const pid = readPid(`${bundle}/conmon.pid`)
    return { pid, startTicks: readStartTicks(pid) }
  }
  let stopped: EngineError | null = null
  const stop = (error: EngineError) => {
    stopped ??= error
    signalProcess(shimRef(), SIGTERM)
    shim.release()
  }
  const late = setTimeout(
    () => stop(new EngineError('deadline', 'runtime.too-slow', 'the runtime did not create the container in time')),
    CREATE_MS,
  )
  const abort = () => stop(new EngineError('canceled', 'canceled', 'the operation was canceled'))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    if (signal?.aborted) abort()
    shim.go()
    const said = await shim.nextSync()
    if (stopped) throw stopped
    if (!said || said.data <= 0) {
      const log = await fs.readFile(`${bundle}/oci-log`, 'utf8').catch(() => '')
      throw runtimeError(lastLoggedError(log) || said?.message || shim.stderr(), containerId)
    }
    const created = { ...file, init: { pid: said.data, startTicks: readStartTicks(said.data) }, conmon: shimRef() }
    parts.files.put(created)
    return created
  } catch (error) {
    cleanBundle(bundle)
    throw error
  } finally {
    clearTimeout(late)
    signal?.removeEventListener('abort', abort)
    shim.release()
  }
}
