import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pidIn } from './processes.ts'

const TICKS_A_SECOND = 100

/** The built engine as a process of its own, as people run it. */
export interface Headless {
  readonly socket: string
  readonly runtimeDir: string
  readonly keeperPid: number
  /** Resident memory of engine and keeper, in MiB. */
  memory(): number
  /** Processor time that engine and keeper have taken, in seconds. */
  processorSeconds(): number
  /** Descriptors that engine and keeper have open. */
  descriptors(): number
  stop(): Promise<void>
}

/** Starts `out/main/engine.js` in folders of its own. */
export async function startHeadless(): Promise<Headless> {
  const folder = mkdtempSync('/tmp/slb-engine-')
  const run = path.join(folder, 'run')
  const argv = [path.resolve('out/main/engine.js'), '--root', path.join(folder, 'root'), '--runtime-dir', run]
  const engine = spawn(process.execPath, [...argv, '--stop-containers'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(engine, 'exit').then(([code]) => {
    throw new Error(`the engine ended with code ${code} before it served`)
  })
  ended.catch(() => {})
  const [line] = (await Promise.race([once(createInterface(engine.stdout), 'line'), ended])) as [string]
  const { socket } = JSON.parse(line) as { socket: string }
  const resident = (pid: number) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  const seconds = (pid: number) => {
    const [, rest = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    const [user, system] = rest.split(' ').slice(11, 13).map(Number)
    return ((user ?? 0) + (system ?? 0)) / TICKS_A_SECOND
  }
  const keeperPid = pidIn(path.join(run, 'keeper.pid'))
  const pids = () => [engine.pid ?? 0, keeperPid]
  const sum = (of: (pid: number) => number) => pids().reduce((all, pid) => all + of(pid), 0)
  return {
    socket,
    runtimeDir: run,
    keeperPid,
    memory: () => sum(resident),
    processorSeconds: () => sum(seconds),
    descriptors: () => sum((pid) => readdirSync(`/proc/${pid}/fd`).length),
    async stop() {
      engine.kill('SIGTERM')
      await once(engine, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
