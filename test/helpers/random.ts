/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Seed of a test's chances: `SLIPWAY_TEST_SEED`, else always the same. It belongs into the test's title. */
export const SEED = Number(process.env['SLIPWAY_TEST_SEED'] ?? 1)

/** Whole numbers below a bound, that a seed decides. */
export function createRandom(seed: number): (below: number) => number {
  const random = randomOf(seed)
  return (below) => Math.floor(random() * below)
}
