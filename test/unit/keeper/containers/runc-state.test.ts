import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deleteState, startByFifo } from '../../../../engine/keeper/containers/shim/runc-state.ts'
import { readStartTicks } from '../../../../engine/keeper/libc/process.ts'

/** A fifo that nobody reads holds its writer for ever. */
const LIMIT = { timeout: 4000 }
const gone = { pid: 0, startTicks: 0 }
let folder: string
beforeEach(() => {
  folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'slw-runc-')), 'id')
  mkdirSync(folder)
})
afterEach(() => rmSync(path.dirname(folder), { recursive: true, force: true }))

const writeState = (state: object) => writeFileSync(path.join(folder, 'state.json'), JSON.stringify(state))

describe('starting a created container', () => {
  it('reads the fifo that its init waits at, and takes it away', async () => {
    const fifo = path.join(folder, 'exec.fifo')
    execFileSync('mkfifo', [fifo], LIMIT)
    const init = spawn('sh', ['-c', `printf 0 > '${fifo}'; exec sleep 10`], { stdio: 'ignore' })
    const pid = init.pid ?? 0
    try {
      await expect(startByFifo(folder, { pid, startTicks: readStartTicks(pid) })).resolves.toBe(true)
      expect(existsSync(fifo)).toBe(false)
    } finally {
      init.kill('SIGKILL')
    }
  })

  it('counts as done when the process was over before anybody looked', async () => {
    const fifo = path.join(folder, 'exec.fifo')
    execFileSync('mkfifo', [fifo], LIMIT)
    const started = startByFifo(folder, gone)
    // Written and over within one turn: the event loop sees the death and the word at once.
    execFileSync('sh', ['-c', `printf 0 > '${fifo}'; sleep 0.15`], LIMIT)
    await expect(started).resolves.toBe(true)
  })

  it('is left to the runtime when init is gone or there is no fifo', async () => {
    await expect(startByFifo(folder, gone)).resolves.toBe(false)
    execFileSync('mkfifo', [path.join(folder, 'exec.fifo')], LIMIT)
    await expect(startByFifo(folder, gone)).resolves.toBe(false)
    expect(existsSync(path.join(folder, 'exec.fifo'))).toBe(true)
  })
})

describe('deleting what the runtime keeps of a container', () => {
  it('removes its folder when its control groups are gone', () => {
    writeState({ cgroup_paths: { pids: '/sys/fs/cgroup/pids/slipway-never-made/x' } })
    expect(deleteState(folder, gone)).toBe(true)
    expect(existsSync(folder)).toBe(false)
  })

  it('is left to the runtime while init lives, and when the state cannot be read or names other places', () => {
    const own = { pid: process.pid, startTicks: readStartTicks(process.pid) }
    writeState({ cgroup_paths: {} })
    expect(deleteState(folder, own)).toBe(false)
    for (const groups of [{ pids: path.dirname(folder) }, { pids: '/sys/fs/cgroup/../../tmp' }, 'text', null]) {
      writeState({ cgroup_paths: groups })
      expect(deleteState(folder, gone)).toBe(false)
    }
    writeFileSync(path.join(folder, 'state.json'), '{')
    expect(deleteState(folder, gone)).toBe(false)
    expect(existsSync(folder)).toBe(true)
  })
})
