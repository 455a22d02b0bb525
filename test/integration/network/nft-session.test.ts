import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNftSession, type NftSession } from '../../../engine/keeper/network/nft-session.ts'
import { waitUntil } from '../../helpers/engine.ts'

const NETNS = 'slw-nft'
const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)('changes of rules through an nft that stays (needs root)', () => {
  const inside = ['ip', 'netns', 'exec', NETNS]
  let session: NftSession
  const elements = () =>
    execFileSync(inside[0] as string, [...inside.slice(1), 'nft', 'list', 'set', 'ip', 't', 's']).toString()
  const processes = () =>
    execFileSync('ip', ['netns', 'pids', NETNS]).toString().split('\n').filter(Boolean).map(Number)
  beforeAll(async () => {
    execFileSync('ip', ['netns', 'add', NETNS])
    session = createNftSession(inside, { idleMs: 500 })
    await session.commit(['add table ip t', 'add set ip t s { type ifname; }'])
  })
  afterAll(async () => {
    session?.stop()
    await waitUntil(() => processes().length === 0, 'the end of nft')
    execFileSync('ip', ['netns', 'delete', NETNS])
  })

  it('are made one after the other by one process', async () => {
    await session.commit(['add element ip t s { "one" }'])
    const first = processes()
    await session.commit(['delete element ip t s { "one" }', 'add element ip t s { "two", "three" }'])
    expect(processes()).toEqual(first)
    expect(first).toHaveLength(1)
    expect(elements()).toMatch(/"two"/)
    expect(elements()).not.toMatch(/"one"/)
  })

  it('are made whole or not at all, and nft says why not', async () => {
    const change = session.commit(['add element ip t s { "four" }', 'delete element ip t s { "nobody" }'])
    await expect(change).rejects.toMatchObject({
      reason: 'nft.refused',
      message: expect.stringContaining('No such file'),
    })
    expect(elements()).not.toMatch(/"four"/)
    await session.commit(['add element ip t s { "five" }'])
    expect(elements()).toMatch(/"five"/)
  })

  it('take very many elements at once', async () => {
    const names = Array.from({ length: 2000 }, (_, index) => `"many${index}"`)
    await session.commit([`add element ip t s { ${names.join(', ')} }`])
    expect(elements()).toMatch(/"many1999"/)
  })

  it('leave no process once there are none for a while, and begin anew', async () => {
    await waitUntil(() => processes().length === 0, 'the end of nft')
    await session.commit(['add element ip t s { "again" }'])
    expect(elements()).toMatch(/"again"/)
  })

  it('go on when the process is killed', async () => {
    await session.commit(['add element ip t s { "before" }'])
    for (const pid of processes()) process.kill(pid, 'SIGKILL')
    await waitUntil(() => processes().length === 0, 'the end of nft')
    // The session hears of it a moment later than the kernel; a change in between is refused.
    await expect
      .poll(() =>
        session.commit(['add element ip t s { "after" }']).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    expect(elements()).toMatch(/"after"/)
  })

  it('are refused by an nft that takes no commands, once and for all', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-nft-'))
    const calls = path.join(folder, 'calls')
    try {
      writeFileSync(
        path.join(folder, 'nft'),
        `#!/bin/sh\necho x >> ${calls}\necho "no interactive mode" >&2\nexit 1\n`,
        {
          mode: 0o755,
        },
      )
      const other = createNftSession(['env', `PATH=${folder}:${process.env['PATH']}`])
      await expect(other.commit(['list tables'])).rejects.toMatchObject({ reason: 'nft.no-session' })
      expect(existsSync(calls)).toBe(true)
      rmSync(calls)
      await expect(other.commit(['list tables'])).rejects.toMatchObject({ reason: 'nft.no-session' })
      expect(existsSync(calls)).toBe(false)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
