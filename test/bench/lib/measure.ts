import os from 'node:os'

/** The machine that the figures belong to. */
export const machine = (): string =>
  `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release()}, Node ${process.version}`

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** Milliseconds of each of `count` runs, after one that warms up. What `undo` takes between runs does not count. */
export async function time(
  count: number,
  work: () => Promise<unknown> | unknown,
  undo: () => Promise<unknown> | unknown = () => {},
): Promise<number[]> {
  const times: number[] = []
  for (let run = 0; run <= count; run += 1) {
    const started = performance.now()
    await work()
    if (run > 0) times.push(performance.now() - started)
    await undo()
  }
  return times
}

interface Row {
  readonly what: string
  readonly ours: string
  readonly others: string
  readonly ratio: string
  readonly goal: string
  readonly verdict: string
}
const rows: Row[] = []
const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`

/** Notes a figure of ours beside another engine's, in milliseconds, and the ratio that is the goal. */
export function note(
  what: string,
  ours: number,
  other: { readonly name: string; readonly value: number } | null,
  goal?: number,
): void {
  const ratio = other ? ours / other.value : 0
  rows.push({
    what,
    ours: milliseconds(ours),
    others: other ? `${other.name} ${milliseconds(other.value)}` : '–',
    ratio: other ? `${ratio.toFixed(2)} ×` : '–',
    goal: goal === undefined ? '–' : `≤ ${Number(goal.toFixed(2))} ×`,
    verdict: goal === undefined || !other ? '' : ratio <= goal ? 'met' : 'missed',
  })
}

/** Notes a figure with a limit of its own. */
export function noteLimit(what: string, value: number, unit: string, limit?: number): void {
  rows.push({
    what,
    ours: `${value.toFixed(value < 10 ? 2 : 0)} ${unit}`,
    others: '–',
    ratio: '–',
    goal: limit === undefined ? '–' : `≤ ${limit} ${unit}`,
    verdict: limit === undefined ? '' : value <= limit ? 'met' : 'missed',
  })
}

/** The table as Markdown. */
export function table(): string {
  const head = '| what | Slipway | other | ratio | goal | |\n|---|--:|--:|--:|--:|---|'
  return [head, ...rows.map((row) => `| ${Object.values(row).join(' | ')} |`)].join('\n')
}
