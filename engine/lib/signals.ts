import os from 'node:os'
import { EngineError } from '../contract/errors.ts'

/** `SIGTERM`, `TERM`, `term` or `15` as `SIGTERM`. Unknown signals are refused. */
export function parseSignal(text: string): string {
  const upper = text.trim().toUpperCase()
  const name = /^\d+$/.test(upper)
    ? Object.entries(os.constants.signals).find(([, number]) => number === Number(upper))?.[0]
    : upper.startsWith('SIG')
      ? upper
      : `SIG${upper}`
  if (name && (Object.hasOwn(os.constants.signals, name) || /^SIGRTM(IN|AX)([+-]\d+)?$/.test(name))) return name
  throw new EngineError('invalidArgument', 'signal.invalid', `invalid signal: ${text}`)
}
