import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectHost } from '../../../engine/host/client.ts'
import { startEngine, type TestEngine, waitUntil } from '../../helpers/engine.ts'
import { makeToolFolder } from '../../helpers/tool-folder.ts'

const isRoot = process.getuid?.() === 0
const SLIRP = '/usr/bin/slirp4netns'
const why = isRoot ? 'root has the kernel’s' : existsSync(SLIRP) ? '' : `it needs ${SLIRP}`
/** A few tries, each twice as long after the one before. */
const TRIES_MS = 50_000

describe.skipIf(why !== '')(`the way out of an ordinary user’s containers${why && ` (${why})`}`, () => {
  const tools = makeToolFolder(['slirp4netns', 'pasta'])
  const pathBefore = process.env['PATH']
  const slirp = path.join(tools, 'slirp4netns')
  let test: TestEngine
  const info = async () => {
    const keeper = await connectHost(path.join(test.config.runtimeDir, 'keeper.sock'))
    return keeper.info({}).finally(() => keeper.close())
  }
  const file = () => path.join(test.config.runtimeDir, 'keeper/egress.json')
  const helper = () => JSON.parse(readFileSync(file(), 'utf8')) as { pid: number; startTicks: number }
  const isBack = () => waitUntil(async () => (await info()).egress === 'slirp4netns', 'a helper', TRIES_MS)

  beforeAll(async () => {
    process.env['PATH'] = tools
    test = await startEngine()
  })
  afterAll(async () => {
    await test?.destroy()
    process.env['PATH'] = pathBefore
    rmSync(tools, { recursive: true })
  })

  it('is missing without a helper, which is said, and comes with one', async () => {
    expect(await info()).toMatchObject({
      egress: 'none',
      warnings: expect.arrayContaining([expect.stringContaining('install pasta (passt) or slirp4netns')]),
    })
    symlinkSync(SLIRP, slirp)
    await isBack()
    expect((await info()).warnings.join()).not.toContain('outside')
  })

  it(
    'comes back when its helper is killed, and that it cannot is said',
    async () => {
      const before = helper().pid
      process.kill(before, 'SIGKILL')
      await waitUntil(() => helper().pid !== before, 'another helper')
      await isBack()
      rmSync(slirp)
      process.kill(helper().pid, 'SIGKILL')
      await waitUntil(async () => (await info()).egress === 'none')
      expect((await info()).warnings.join()).toContain('slirp4netns ended')
      symlinkSync(SLIRP, slirp)
      await isBack()
    },
    3 * TRIES_MS,
  )

  it('is not taken for a process that was given its helper’s number later, which is left alone', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' })
    for (const pid of [(await info()).pid, helper().pid]) process.kill(pid, 'SIGKILL')
    writeFileSync(file(), JSON.stringify({ ...helper(), pid: other.pid }))
    await test.restart()
    await isBack()
    expect(helper().pid).not.toBe(other.pid)
    expect(other.signalCode).toBeNull()
    other.kill()
  })
})
