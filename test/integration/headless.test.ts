import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { waitUntil } from '../helpers/engine.ts'

it('the built engine says in one line that it serves, and a shutdown takes its keeper along', async () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slh-'))
  const entry = path.resolve('out/main/engine.js')
  const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run')]
  const engine = spawn(process.execPath, [entry, ...folders], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(engine.stdout, 'data')) as [Buffer]
  expect(JSON.parse(line.toString())).toMatchObject({ ready: true, root: path.join(base, 'root') })
  const exited = once(engine, 'exit')
  engine.kill('SIGTERM')
  expect((await exited)[0]).toBe(0)
  execFileSync(process.execPath, [entry, ...folders, '--shutdown'])
  await waitUntil(() => processesOf(base).length === 0, 'the end of every process of this root')
  rmSync(base, { recursive: true, force: true })
})

/** Processes whose command names a folder. */
const processesOf = (folder: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
    } catch {
      return false
    }
  })
