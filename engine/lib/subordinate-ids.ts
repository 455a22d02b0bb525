/** What a user namespace maps at least, as subuid(5) of every distribution gives. */
export const NEEDED_IDS = 65_536
const FIRST_ID = 100_000

const rangesOf = (text: string) =>
  text.split('\n').flatMap((line) => {
    const [who = '', start, count] = line.split(':')
    const range = { who, start: Number(start), count: Number(count) }
    return Number.isSafeInteger(range.start) && range.count > 0 ? [range] : []
  })

/** How many ids the text of `/etc/subuid` or `/etc/subgid` gives a user, by name or by number. */
export const countIds = (text: string, user: { readonly username: string; readonly uid: number }): number =>
  rangesOf(text)
    .filter(({ who }) => who === user.username || who === String(user.uid))
    .reduce((sum, { count }) => sum + count, 0)

/**
 * A range past everybody's in these texts, as `usermod` takes it. Two users with the same ids could reach into each
 * other's containers.
 */
export function freeRange(texts: readonly string[]): string {
  const start = Math.max(FIRST_ID, ...texts.flatMap(rangesOf).map(({ start: first, count }) => first + count))
  return `${start}-${start + NEEDED_IDS - 1}`
}
