import type { RestartPolicy } from '../../contract/container.ts'
import type { ContainerState } from '../../store/schema.ts'

/** Milliseconds before the first restart in a row. */
export const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 60_000
const HEALTHY_AFTER_MS = 10_000

/** What a restart decision looks at. */
export interface ExitFacts {
  readonly policy: RestartPolicy
  readonly exitCode: number
  readonly restartCount: number
  readonly isStoppedByUser: boolean
  readonly ranForMs: number
  readonly previousDelayMs: number
}

/** Milliseconds until the next start, or `null` to stay down. Doubles from 100 ms to a minute; ten seconds of life reset it. */
export function decideRestart(facts: ExitFacts): number | null {
  if (facts.isStoppedByUser || !wantsRestart(facts)) return null
  if (facts.ranForMs >= HEALTHY_AFTER_MS || facts.previousDelayMs === 0) return FIRST_DELAY_MS
  return Math.min(facts.previousDelayMs * 2, MAX_DELAY_MS)
}

/**
 * Whether a container that has run and does not run now is started with the engine: what the engine itself stopped on its
 * way out, and `always`, which a person's stop holds down only until then.
 */
export function startsWithEngine(
  policy: RestartPolicy,
  { isStoppedByUser, isStoppedByEngine }: Pick<ContainerState, 'isStoppedByUser' | 'isStoppedByEngine'>,
): boolean {
  switch (policy.name) {
    case 'no':
      return false
    case 'always':
      return true
    case 'unless-stopped':
      return isStoppedByEngine || !isStoppedByUser
    case 'on-failure':
      return isStoppedByEngine
  }
}

function wantsRestart({ policy, exitCode, restartCount }: ExitFacts): boolean {
  switch (policy.name) {
    case 'no':
      return false
    case 'always':
    case 'unless-stopped':
      return true
    case 'on-failure':
      return exitCode !== 0 && (policy.maximumRetryCount === 0 || restartCount < policy.maximumRetryCount)
  }
}
