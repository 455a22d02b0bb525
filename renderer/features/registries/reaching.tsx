import { Button, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { RegistrySettings } from '../../../engine/contract/registry.ts'
import { readHost, readMirror } from '../../../engine/contract/registry-address.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { queryClient, registrySettings } from '../../app/queries.ts'
import { IconButton } from '../../components/icon-button.tsx'
import { hubMirrors, withHubMirrors } from './addresses.ts'

/** No event tells of a change of these settings. */
const save = (settings: RegistrySettings) =>
  api.registry.setSettings(settings).then(() => queryClient.invalidateQueries({ queryKey: registrySettings.queryKey }))

/** How registries are reached: mirrors of Docker Hub, and registries without encryption. */
export function Reaching() {
  const { data, error } = useQuery(registrySettings)
  if (error) {
    return (
      <div className="page-body">
        <div className="error-note" role="alert">
          {errorText(error)}
        </div>
      </div>
    )
  }
  if (!data) return null
  return (
    <div className="page-body registry-settings">
      <AddressList
        kind="mirrors"
        example="https://mirror.example"
        values={hubMirrors(data.mirrors)}
        read={readMirror}
        onChange={(urls) => save({ ...data, mirrors: withHubMirrors(data.mirrors, urls) })}
      />
      <AddressList
        kind="insecure"
        example="registry.example:5000"
        values={data.insecure}
        read={readHost}
        onChange={(insecure) => save({ ...data, insecure: [...insecure] })}
      />
    </div>
  )
}

interface AddressListProps {
  readonly kind: 'mirrors' | 'insecure'
  readonly example: string
  readonly values: readonly string[]
  /** What was typed as it is kept, or null if it is no such address. */
  readonly read: (typed: string) => string | null
  readonly onChange: (values: readonly string[]) => Promise<void>
}

/** Addresses that can be added and taken away; each change is saved at once. */
function AddressList({ kind, example, values, read, onChange }: AddressListProps) {
  const { t } = useTranslation()
  const [typed, setTyped] = useState('')
  const [error, setError] = useState('')
  const change = (next: readonly string[]) => {
    setError('')
    return onChange(next).then(
      () => true,
      (cause: unknown) => (setError(errorText(cause)), false),
    )
  }
  const add = async () => {
    const address = read(typed.trim())
    if (!address) setError(t(`registries.${kind}.bad`, { typed: typed.trim() }))
    else if (await change([...new Set([...values, address])])) setTyped('')
  }
  return (
    <section data-testid={`registry-${kind}`}>
      <h2 className="facts-title">{t(`registries.${kind}.title`)}</h2>
      <p className="settings-lead">{t(`registries.${kind}.text`)}</p>
      <div className="field-rows">
        {values.map((value) => (
          <div className="field-row" key={value} data-testid="registry-address">
            <span className="mono">{value}</span>
            <IconButton
              label={`${t('verb.remove')}: ${value}`}
              Icon={IconX}
              testId="registry-address-remove"
              onClick={() => void change(values.filter((one) => one !== value))}
            />
          </div>
        ))}
        <form
          className="field-row"
          style={{ alignItems: 'flex-start' }}
          onSubmit={(event) => {
            event.preventDefault()
            void add()
          }}
        >
          <TextInput
            w={280}
            aria-label={t(`registries.${kind}.add`)}
            placeholder={example}
            value={typed}
            error={error}
            onChange={(event) => setTyped(event.currentTarget.value)}
            data-testid="registry-address-new"
          />
          <Button
            type="submit"
            variant="default"
            leftSection={<IconPlus size={12} />}
            disabled={typed.trim() === ''}
            data-testid="registry-address-add"
          >
            {t('registries.add')}
          </Button>
        </form>
      </div>
    </section>
  )
}
