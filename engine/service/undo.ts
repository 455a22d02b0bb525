import type { Logger } from './context.ts'

/** The steps that take a multi-step change back, newest first. */
export interface UndoStack {
  add(name: string, step: () => Promise<unknown>): void
  /** Runs every step; one that fails is logged and the rest still run. */
  run(): Promise<void>
}

/** Starts a change that can be taken back at each step. */
export function createUndoStack(log: Logger): UndoStack {
  const steps: { name: string; step: () => Promise<unknown> }[] = []
  return {
    add: (name, step) => void steps.push({ name, step }),
    async run() {
      for (const { name, step } of steps.reverse()) {
        await step().catch((error: unknown) => log.warn({ step: name, error: String(error) }, 'undo step failed'))
      }
      steps.length = 0
    },
  }
}
