import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { Host } from '../../host/host.ts'
import { type RunResult, run } from '../exec.ts'
import { conmonArguments, runtimeError, runtimeGlobals, type ShimOptions, spawnConmon } from './conmon.ts'
import type { Relay } from './relay.ts'
import { createTerminal } from './terminal.ts'

const SOCKET_ATTEMPTS = 100
const OUTPUT_LIMIT = 4096

/** New processes in running containers: with a terminal through conmon, or run to their end for a healthcheck. */
export function createExecHost(options: {
  readonly shim: ShimOptions
  readonly relay: Relay
  readonly runtime: (args: readonly string[], timeoutSeconds?: number) => Promise<RunResult>
}): Pick<Host, 'exec' | 'runExec'> {
  const { shim, relay } = options
  return {
    async exec(params) {
      const { containerId, bundle, tty, openStdin, columns, rows } = params
      const folder = path.join(bundle, `exec-${params.execId.slice(0, 12)}`)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const specFile = path.join(folder, 'process.json')
      await writeFile(specFile, JSON.stringify({ ...(params.process as object), consoleSize: { width: columns, height: rows } }))
      const args = [
        ...conmonArguments(shim, { containerId, uniqueId: params.execId, bundle: folder, tty, openStdin }).filter((argument) => argument !== '--leave-stdin-open'),
        ...['-l', 'none:', '-e', '--exec-attach', '--exec-process-spec', specFile],
      ]
      const conmon = spawnConmon(shim, args, { isExec: true })
      const socket = await connectWhenReady(relay, `${folder}/attach`).catch(async (error: unknown) => {
        await rm(folder, { recursive: true, force: true })
        throw error
      })
      const exited = (async () => {
        const started = await conmon.next()
        if (!started || started.data <= 0) throw await runtimeError(folder, started?.message ?? 'conmon ended without an answer')
        const ended = await conmon.next()
        return ended?.data ?? 255
      })()
      const terminal = createTerminal({ socket, ctlPath: `${folder}/ctl`, exited: exited.catch(() => new Promise<number>(() => {})) })
      exited
        .catch((error: unknown) => {
          const wire = JSON.stringify(EngineError.from(error).toWire())
          terminal.push(Buffer.concat([Buffer.of(5), Buffer.from(wire)]))
          terminal.push(null)
        })
        .finally(() => void rm(folder, { recursive: true, force: true }))
      return terminal
    },

    async runExec({ containerId, process, timeoutSeconds }) {
      const specFile = path.join(os.tmpdir(), `slipway-exec-${randomBytes(8).toString('hex')}.json`)
      await writeFile(specFile, JSON.stringify(process), { mode: 0o600 })
      try {
        const any = Array.from({ length: 256 }, (_, code) => code)
        const result = await run([shim.runtime, ...runtimeGlobals(shim), 'exec', '--process', specFile, containerId], { timeoutSeconds, okExitCodes: any })
        return { exitCode: result.exitCode, output: (result.stdout + result.stderr).slice(0, OUTPUT_LIMIT) }
      } catch (error) {
        return { exitCode: -1, output: String(error).slice(0, OUTPUT_LIMIT) }
      } finally {
        await rm(specFile, { force: true })
      }
    },
  }
}

/** conmon binds the socket just after it starts; a few tries with a short pause. */
async function connectWhenReady(relay: Relay, socketPath: string) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await relay.connect(socketPath, { canPause: true })
    } catch (error) {
      if (attempt >= SOCKET_ATTEMPTS) throw error
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
