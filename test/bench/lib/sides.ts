import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { Headless } from './headless.ts'
import { median, note } from './measure.ts'
import type { Yardstick } from './yardsticks.ts'

const exec = promisify(execFile)
const MAX_OUTPUT = 2 ** 31

/** One engine of a comparison: the same docker command against its socket. */
export interface Side {
  readonly name: string
  /** argv of the command, to which a subcommand is added. */
  readonly argv: readonly string[]
  /** What it printed. */
  docker(...args: string[]): Promise<string>
}

/** Ours first, and dockerd's where there is one. */
export function sidesOf(engine: Headless, dockerd: Yardstick | null): Side[] {
  const clients = [['docker', '--host', `unix://${engine.socket}`], ...(dockerd ? [dockerd.client] : [])]
  return clients.map((argv, index) => ({
    name: index === 0 ? 'Slipway' : 'dockerd',
    argv,
    docker: async (...args) =>
      (await exec(argv[0] as string, [...argv.slice(1), ...args], { maxBuffer: MAX_OUTPUT })).stdout.trim(),
  }))
}

/**
 * Notes the medians of all sides, in milliseconds as `one` answers them, and the ratio that is the goal. They are taken in turn, so that a busy
 * moment of the machine meets each. The first round warms up.
 */
export async function compare<S extends { readonly name: string }>(
  what: string,
  sides: readonly S[],
  options: { readonly goal: number; readonly runs: number },
  one: (side: S) => Promise<number>,
): Promise<number> {
  const times = sides.map((): number[] => [])
  for (let run = 0; run <= options.runs; run += 1)
    for (const [index, side] of sides.entries()) {
      const taken = await one(side)
      if (run > 0) times[index]?.push(taken)
    }
  const [ours = 0, theirs] = times.map(median)
  const other = theirs === undefined ? null : { name: sides[1]?.name ?? '', value: theirs }
  note(what, ours, other, options.goal)
  expect(ours).toBeGreaterThan(0)
  return ours
}

/** Milliseconds that work takes. */
export async function taken(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
