import path from 'node:path'
import { parseArgs } from 'node:util'
import { type EngineConfig, loadConfig } from './config.ts'
import { CHECK_TEXTS } from './contract/doctor.ts'
import { checkMachine } from './doctor.ts'
import { createEngine } from './engine.ts'
import { openLog, writeToTerminal } from './log.ts'

/**
 * `npm run engine -- --root DIR --runtime-dir DIR --socket PATH [--offer-socket]
 * [--runtime runc|crun] [--cluster-store URL[,URL…] --cluster-advertise ADDRESS] [--stop-containers | --shutdown | --doctor]`: the engine
 * without a window.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      root: { type: 'string' },
      'runtime-dir': { type: 'string' },
      socket: { type: 'string' },
      runtime: { type: 'string' },
      'offer-socket': { type: 'boolean', default: false },
      'cluster-store': { type: 'string' },
      'cluster-advertise': { type: 'string' },
      'stop-containers': { type: 'boolean', default: false },
      shutdown: { type: 'boolean', default: false },
      doctor: { type: 'boolean', default: false },
    },
  })
  const config = loadConfig({
    keeperFile: path.join(import.meta.dirname, '../keeper/keeper.mjs'),
    root: values.root,
    runtimeDir: values['runtime-dir'],
    socket: values.socket,
    ociRuntime: values.runtime,
    offersSocket: values['offer-socket'],
    cluster: { store: values['cluster-store'], advertise: values['cluster-advertise'] },
  })
  if (values.doctor) return tellHealth(config)
  const { log } = openLog({ root: config.root, copyTo: writeToTerminal })
  const engine = await createEngine(config, log)
  if (values.shutdown) return engine.close({ stopContainers: true })
  await engine.listen()
  const stop = () => void engine.close({ stopContainers: values['stop-containers'] }).then(() => process.exit(0))
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Keeps the process: the keeper's connection alone must not decide its life.
  setInterval(() => {}, 2 ** 30)
  process.stdout.write(
    `${JSON.stringify({ ready: true, socket: config.socket, root: config.root, mode: config.mode })}\n`,
  )
}

/** Checks the machine and prints what it found; the exit code is 1 when containers cannot run. */
async function tellHealth(config: EngineConfig): Promise<void> {
  const { mode, checks } = await checkMachine(config)
  const told = checks.map((check) => ({ ...check, ...(check.state === 'passed' ? {} : CHECK_TEXTS[check.id]) }))
  process.stdout.write(`${JSON.stringify({ mode, checks: told }, null, 2)}\n`)
  process.exitCode = checks.some(({ state }) => state === 'problem') ? 1 : 0
}

main().catch((error: unknown) => {
  process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
