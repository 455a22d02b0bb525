import { EngineError } from '../contract/errors.ts'

/** What Docker listens for where nothing else is asked: ctrl-p ctrl-q. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q'

const CONTROL: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 }

/** The bytes of `ctrl-a,x`. A text that is none is `detach-keys.invalid`. */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === '') return []
  return text.split(',').map((key) => {
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0)
    const control = /^ctrl-(.)$/.exec(key)?.[1]
    if (control && /[a-z]/.test(control)) return control.charCodeAt(0) - 96
    const code = control === undefined ? undefined : CONTROL[control]
    if (code !== undefined) return code
    throw new EngineError('invalidArgument', 'detach-keys.invalid', `Invalid detach keys (${text}) provided`)
  })
}

/** Bytes that pass, and whether the keys have been typed: nothing passes after them. */
export interface EscapeResult {
  readonly data: Buffer
  readonly isDetached: boolean
}

/** Watches what is typed for a sequence of keys; its beginning is held back until it is told from other input. */
export function createEscapeFilter(keys: readonly number[]): (chunk: Buffer) => EscapeResult {
  let matched = 0
  return (chunk) => {
    if (keys.length === 0) return { data: chunk, isDetached: false }
    const passed: number[] = []
    for (const byte of chunk) {
      if (byte !== keys[matched]) {
        passed.push(...keys.slice(0, matched))
        matched = 0
      }
      if (byte !== keys[matched]) {
        passed.push(byte)
        continue
      }
      matched += 1
      if (matched === keys.length) return { data: Buffer.from(passed), isDetached: true }
    }
    return { data: Buffer.from(passed), isDetached: false }
  }
}
