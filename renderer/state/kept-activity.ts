import { z } from 'zod'
import type { Activity } from './activity.ts'
import { NextStep, nextSteps, Work } from './next-step.ts'

const MESSAGE_LENGTH = 4000

const Kept = z.array(
  z.object({
    id: z.string(),
    kind: z.enum(['import', 'pull', 'push', 'save', 'capture', 'failure']),
    startedAt: z.string(),
    title: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    message: z.string(),
    reference: z.string(),
    about: z.string(),
    work: Work.optional(),
    steps: z.array(NextStep),
  }),
)

/** What is kept of the list when the window closes. */
export const toKept = (items: readonly Activity[]): string =>
  JSON.stringify(Kept.parse(items.map((item) => ({ ...item, message: item.message.slice(0, MESSAGE_LENGTH) }))))

/**
 * The list of an earlier window; nothing of one that cannot be read. What still ran then has ended with its window: it is
 * a failure with `interrupted` as its cause, and can be asked for again.
 */
export function fromKept(text: string, interrupted: string): Activity[] {
  const kept = Kept.safeParse(parse(text))
  if (!kept.success) return []
  return kept.data.map((item) => ({
    ...item,
    layers: {},
    isPast: true,
    ...(item.state === 'running' && {
      state: 'failed' as const,
      message: interrupted,
      steps: nextSteps({ code: 'canceled', reason: 'canceled' }, item.work),
    }),
  }))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return []
  }
}
