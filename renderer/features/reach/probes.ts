import type { TFunction } from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ProbeAnswer } from '../../../engine/contract/reach.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'

/** What to try, from the container of the panel. */
interface Target {
  readonly address: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** `''`: by the address alone. */
  readonly name: string
}

/** Tries of one way and what came of each, by `protocol port`. */
export function useProbes(from: string) {
  const { t } = useTranslation()
  const [probes, setProbes] = useState<ReadonlyMap<string, string>>(new Map())
  const probe = (target: Target) => {
    const key = `${target.protocol} ${target.port}`
    const say = (text: string) => setProbes((old) => new Map(old).set(key, text))
    say(t('path.probing'))
    api.reach.probe({ from, ...target }).then(
      (answer) => say(sentence(answer, target, t)),
      (error: unknown) => say(errorText(error)),
    )
  }
  return { probes, probe }
}

function sentence(answer: ProbeAnswer, { name, port }: Target, t: TFunction): string {
  const { result, address, resolvedBy, milliseconds, error } = answer
  const how = t(`path.result.${result}`, {
    target: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    name,
    ms: milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds),
    error,
  })
  const found = resolvedBy && address ? `${t(`path.resolved.${resolvedBy}`, { name, address })} ` : ''
  return `${found}${how}`
}
