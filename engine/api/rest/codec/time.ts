/** Docker's time of something that has not happened. */
export const NO_TIME = '0001-01-01T00:00:00Z'
export const timeOr = (time: string): string => time || NO_TIME
/** Seconds since 1970 of an RFC 3339 time, 0 of an empty one. */
export const toUnix = (time: string): number => Math.max(0, Math.floor((Date.parse(time) || 0) / 1000))

const UNITS = [
  [31_536_000, 'years'],
  [2_592_000, 'months'],
  [604_800, 'weeks'],
  [86_400, 'days'],
] as const

/** `3 minutes`, `About an hour` …: go-units' HumanDuration, which Docker's status lines use. */
export function humanDuration(seconds: number): string {
  if (seconds < 1) return 'Less than a second'
  if (seconds < 2) return '1 second'
  if (seconds < 60) return `${Math.floor(seconds)} seconds`
  const minutes = Math.floor(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.round(seconds / 3600)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  const [size, name] = UNITS.find(([unit]) => seconds >= unit * 2) ?? UNITS[3]
  return `${Math.floor(seconds / size)} ${name}`
}
