import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { networkSettings } from '../../app/queries.ts'
import { Facts } from '../../components/facts.tsx'

const HERE = '127.0.0.1'
const EVERYWHERE = '0.0.0.0'
type Choice = 'everywhere' | 'here' | 'other'

const choiceOf = (address: string): Choice =>
  address === HERE ? 'here' : address === EVERYWHERE ? 'everywhere' : 'other'

/** Where ports are published that name no address. */
export function PublishSettings() {
  const { t } = useTranslation()
  const { data } = useQuery(networkSettings)
  const [asked, setAsked] = useState<Choice | null>(null)
  const [error, setError] = useState('')
  if (!data) return null
  const choice = asked ?? choiceOf(data.hostAddress)
  const save = (hostAddress: string) =>
    api.network.setSettings({ hostAddress }).then(
      () => (setAsked(null), setError('')),
      (cause: unknown) => setError(errorText(cause)),
    )
  const choose = (next: Choice) => {
    setAsked(next)
    setError('')
    if (next !== 'other') void save(next === 'here' ? HERE : EVERYWHERE)
  }
  return (
    <>
      <Facts
        title={t('publish.title')}
        facts={[
          [
            t('publish.address'),
            <SegmentedControl
              key="choice"
              aria-label={t('publish.address')}
              data-testid="publish-address"
              value={choice}
              onChange={(value) => choose(value as Choice)}
              data={(['everywhere', 'here', 'other'] as const).map((value) => ({
                value,
                label: t(`publish.${value}`),
              }))}
            />,
          ],
          ['\u00a0', choice === 'other' && <OtherAddress key="other" initial={data.hostAddress} onSave={save} />],
        ].map(([label, value]) => [label as string, value || ''] as const)}
      />
      {error && (
        <div className="error-note" role="alert">
          {error}
        </div>
      )}
      <p className="settings-lead">{t('publish.text')}</p>
    </>
  )
}

function OtherAddress({
  initial,
  onSave,
}: {
  readonly initial: string
  readonly onSave: (address: string) => Promise<void>
}) {
  const { t } = useTranslation()
  const [address, setAddress] = useState(choiceOf(initial) === 'other' ? initial : '')
  return (
    <form
      className="field-row"
      onSubmit={(event) => {
        event.preventDefault()
        void onSave(address.trim())
      }}
    >
      <TextInput
        w={220}
        aria-label={t('publish.other')}
        placeholder="192.168.1.20"
        value={address}
        onChange={(event) => setAddress(event.currentTarget.value)}
        data-testid="publish-other"
      />
      <Button type="submit" variant="default" disabled={address.trim() === ''}>
        {t('publish.save')}
      </Button>
    </form>
  )
}
