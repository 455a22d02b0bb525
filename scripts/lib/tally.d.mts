/** Sums the JSON reports of vitest; see tally.mjs. */
export class Tally {
  add(project: string, status: number | null, report: unknown): void
  get good(): boolean
  text(): string
}
