import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** The built engine as a process of its own, as people run it. */
export interface Headless {
  readonly socket: string
  /** Resident memory of engine and keeper, in MiB. */
  memory(): number
  stop(): Promise<void>
}

/** Starts `out/main/engine.js` in folders of its own. */
export async function startHeadless(): Promise<Headless> {
  const folder = mkdtempSync('/tmp/slb-engine-')
  const run = path.join(folder, 'run')
  const argv = [path.resolve('out/main/engine.js'), '--root', path.join(folder, 'root'), '--runtime-dir', run]
  const engine = spawn(process.execPath, [...argv, '--stop-containers'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(engine.stdout), 'line')) as [string]
  const { socket } = JSON.parse(line) as { socket: string }
  const resident = (pid: number) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  return {
    socket,
    memory: () => resident(engine.pid ?? 0) + resident(Number(readFileSync(path.join(run, 'keeper.pid'), 'utf8'))),
    async stop() {
      engine.kill('SIGTERM')
      await once(engine, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
