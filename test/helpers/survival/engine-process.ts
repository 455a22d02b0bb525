import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Answer, askApi } from './api.ts'

const SHUTDOWN_MS = 60_000

/** The built engine as a process of its own, in folders of its own, that can be killed and started again. */
export interface EngineProcess {
  readonly base: string
  readonly root: string
  readonly runtimeDir: string
  /** What engine and keeper said so far. */
  log(): string
  keeperPid(): number
  enginePid(): number
  start(): Promise<void>
  kill(): Promise<void>
  /** Ends what lives of this engine and takes its folders away. */
  destroy(): Promise<void>
  ask(method: string, target: string, body?: object | Buffer): Promise<Answer>
}

/** Prepares an engine; `start` starts it. */
export function createEngineProcess(): EngineProcess {
  const base = mkdtempSync(path.join(process.env['SLIPWAY_TEST_FOLDER'] ?? os.tmpdir(), 'slv-'))
  const root = path.join(base, 'root')
  const runtimeDir = path.join(base, 'run')
  const session = path.join(base, 'session')
  mkdirSync(session, { mode: 0o700 })
  const argv = [path.resolve('out/main/engine.js'), '--root', root, '--runtime-dir', runtimeDir]
  const logFile = path.join(base, 'engine.log')
  const env = { ...process.env, XDG_RUNTIME_DIR: session, DOCKER_CONFIG: path.join(base, 'docker') }
  let engine: ChildProcess | undefined
  const readPid = (name: string) => {
    try {
      return Number(readFileSync(path.join(runtimeDir, name), 'utf8'))
    } catch {
      return 0
    }
  }
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return ''
    }
  }
  const kill = async () => {
    const dying = engine
    engine = undefined
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return
    const gone = once(dying, 'exit')
    dying.kill('SIGKILL')
    await gone
  }
  return {
    base,
    root,
    runtimeDir,
    log: () => `${read(logFile)}\nkeeper: ${read(path.join(runtimeDir, 'keeper.log'))}`,
    keeperPid: () => readPid('keeper.pid'),
    enginePid: () => engine?.pid ?? 0,
    kill,
    async start() {
      const log = openSync(logFile, 'a')
      const started = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', log], env })
      closeSync(log)
      engine = started
      const ended = once(started, 'exit').then(() => {
        throw new Error(`the engine ended before it served:\n${read(logFile).slice(-3000)}`)
      })
      await Promise.race([once(started.stdout as NodeJS.ReadableStream, 'data'), ended])
      ended.catch(() => {})
    },
    async destroy() {
      try {
        await kill()
        execFileSync(process.execPath, [...argv, '--shutdown'], { env, timeout: SHUTDOWN_MS })
      } finally {
        rmSync(base, { recursive: true, force: true })
      }
    },
    ask: (method, target, body) => askApi(path.join(runtimeDir, 'docker.sock'), method, target, body),
  }
}
