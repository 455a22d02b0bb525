import type { LogSettings } from '../contract/container-settings.ts'
import { EngineError } from '../contract/errors.ts'

/** How much output is kept: bytes of a file (0: no limit) and files. */
export interface LogLimits {
  readonly maxBytes: number
  readonly maxFiles: number
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
/** Accepted as Docker's drivers accept them; they change nothing of what is kept. */
const WITHOUT_EFFECT = ['compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']

const refuse = (text: string) => new EngineError('invalidArgument', 'log.invalid-option', text)

/** The limits that `--log-opt` sets over the engine's own. An unknown option or a senseless value is `log.invalid-option`. */
export function readLogLimits({ driver, options }: LogSettings, defaults: LogLimits): LogLimits {
  const known = driver === 'none' ? [] : ['max-size', 'max-file', ...WITHOUT_EFFECT]
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) throw refuse(`unknown log opt '${unknown}' for ${driver} log driver`)
  const maxSize = options['max-size']
  const maxFile = options['max-file']
  const maxFiles = maxFile === undefined ? defaults.maxFiles : Number(maxFile)
  if (!Number.isInteger(maxFiles) || maxFiles < 1) throw refuse(`max-file cannot be less than 1: ${maxFile}`)
  return { maxBytes: maxSize === undefined ? defaults.maxBytes : parseSize(maxSize), maxFiles }
}

/** What of the options is accepted and has no effect here, for a warning. */
export function ineffectiveLogOptions({ options }: LogSettings): string[] {
  return Object.keys(options).filter((name) => WITHOUT_EFFECT.includes(name))
}

function parseSize(text: string): number {
  if (text === '-1') return 0
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:i?b)?$/i.exec(text) ?? []
  const size = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 0))
  if (number === '' || size <= 0) throw refuse(`invalid value for max-size: '${text}'`)
  return size
}
