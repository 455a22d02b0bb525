import { describe, expect, it } from 'vitest'
import { decideRestart, startsWithEngine } from '../../../engine/service/container/restart-policy.ts'

const facts = {
  policy: { name: 'always' as const, maximumRetryCount: 0 },
  exitCode: 1,
  restartCount: 0,
  isStoppedByUser: false,
  ranForMs: 50,
  previousDelayMs: 0,
}

describe('restart policy', () => {
  it('begins at 100 ms, doubles, and stops at a minute', () => {
    expect(decideRestart(facts)).toBe(100)
    expect(decideRestart({ ...facts, previousDelayMs: 100 })).toBe(200)
    expect(decideRestart({ ...facts, previousDelayMs: 50_000 })).toBe(60_000)
  })

  it('begins anew after ten seconds of life', () => {
    expect(decideRestart({ ...facts, previousDelayMs: 6400, ranForMs: 10_000 })).toBe(100)
  })

  it('leaves a container that a person stopped alone', () => {
    expect(decideRestart({ ...facts, isStoppedByUser: true })).toBeNull()
  })

  it('restarts on failure only, as often as was asked', () => {
    const policy = { name: 'on-failure' as const, maximumRetryCount: 2 }
    expect(decideRestart({ ...facts, policy })).toBe(100)
    expect(decideRestart({ ...facts, policy, restartCount: 2 })).toBeNull()
    expect(decideRestart({ ...facts, policy, exitCode: 0 })).toBeNull()
  })
})

describe('a container that is down when the engine starts', () => {
  const byEngine = { isStoppedByUser: true, isStoppedByEngine: true }
  const byUser = { isStoppedByUser: true, isStoppedByEngine: false }
  const byItself = { isStoppedByUser: false, isStoppedByEngine: false }

  it.each([
    ['no', byEngine, false],
    ['on-failure', byEngine, true],
    ['on-failure', byUser, false],
    ['on-failure', byItself, false],
    ['unless-stopped', byEngine, true],
    ['unless-stopped', byUser, false],
    ['unless-stopped', byItself, true],
    ['always', byUser, true],
    ['always', byItself, true],
  ] as const)('%s after %o: %s', (name, state, isStarted) => {
    expect(startsWithEngine({ name, maximumRetryCount: 0 }, state)).toBe(isStarted)
  })
})
