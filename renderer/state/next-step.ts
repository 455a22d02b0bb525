import { z } from 'zod'
import { PAGE_NAMES } from '../../engine/contract/desktop.ts'
import type { EngineError } from '../../engine/contract/errors.ts'

/** What was asked for, so that it can be asked for again. Plain data: it is kept over restarts. */
export const Work = z.discriminatedUnion('type', [
  z.object({ type: z.literal('import'), path: z.string() }),
  z.object({ type: z.literal('pull'), reference: z.string() }),
  z.object({ type: z.literal('push'), reference: z.string() }),
  z.object({ type: z.literal('save'), reference: z.string(), path: z.string() }),
  z.object({
    type: z.literal('container'),
    verb: z.enum(['start', 'stop', 'restart', 'pause', 'unpause', 'kill']),
    id: z.string(),
  }),
])
export type Work = z.output<typeof Work>

/** What a person can do about a failure. */
export const NextStep = z.discriminatedUnion('type', [
  z.object({ type: z.literal('repeat'), work: Work }),
  z.object({ type: z.literal('page'), page: z.enum(PAGE_NAMES) }),
  /** Shows a container, by its id or name. */
  z.object({ type: z.literal('container'), id: z.string() }),
  /** Opens the form of a container's ports and names. */
  z.object({ type: z.literal('edit'), id: z.string() }),
])
export type NextStep = z.output<typeof NextStep>

/** The steps that help with a failure, the likeliest cure first; asking again is the last. */
export function nextSteps({ code, reason }: Pick<EngineError, 'code' | 'reason'>, work: Work | undefined): NextStep[] {
  const steps: NextStep[] = []
  if (reason === 'disk.full') steps.push({ type: 'page', page: 'disk' })
  if (code === 'unauthorized') steps.push({ type: 'page', page: 'registries' })
  if (work?.type === 'container') {
    // What is gone can neither be shown nor asked again.
    if (code === 'notFound') return steps
    steps.push({ type: reason === 'port.in-use' ? 'edit' : 'container', id: work.id })
  }
  if (work) steps.push({ type: 'repeat', work })
  return steps
}
