import { Button } from '@mantine/core'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import { errorText } from '../../api/error-text.ts'
import { FieldError, type PortRow, type RunFields } from './run-request.ts'

/** Why a form could not be sent, or what the engine answered. */
export type Failure = { readonly text: string; readonly error: EngineError | null }

/** What is wrong with the form, or what the engine said. */
export function explain(cause: unknown, t: TFunction): Failure {
  if (cause instanceof FieldError) return { text: t(`invalid.${cause.field}`, { value: cause.value }), error: null }
  return { text: errorText(cause), error: EngineError.from(cause) }
}

/** Says what failed; a port that is taken can be swapped for one that is free. */
export function FailureNote({
  failure,
  fields,
  set,
}: {
  readonly failure: Failure
  readonly fields: RunFields
  readonly set: (part: Partial<RunFields>) => void
}) {
  const { t } = useTranslation()
  const taken = Number(failure.error?.details?.['port'] ?? 0)
  const free = Number(failure.error?.details?.['nextFree'] ?? 0)
  return (
    <div className="error-note" role="alert" data-testid="run-error">
      {failure.text}
      {failure.error?.reason === 'port.in-use' && free > 0 && (
        <Button
          size="compact-xs"
          variant="default"
          display="block"
          mt={8}
          data-testid="take-port"
          onClick={() => set({ ports: fields.ports.map((row) => swapPort(row, taken, free)) })}
        >
          {t('usePort', { port: free })}
        </Button>
      )}
    </div>
  )
}

const swapPort = (row: PortRow, taken: number, free: number): PortRow =>
  row.hostPort.split(':').at(-1) === String(taken)
    ? { ...row, hostPort: row.hostPort.replace(/\d+$/, String(free)) }
    : row
