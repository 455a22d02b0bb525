import { Button, NumberInput, Switch, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { DefaultBridge } from '../../../engine/contract/network.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { networkSettings } from '../../app/queries.ts'
import { Setting } from '../../components/setting.tsx'

const WIDTH = 220
const USUAL_MTU = 1500
const SWITCHES = ['isOpenWithin', 'masquerade', 'enableIPv6'] as const

/** What the network `bridge` is made with. */
export function DefaultBridgeSettings() {
  const { data } = useQuery(networkSettings)
  // Anew when it has become another, so that what is shown is what holds.
  return data ? <BridgeForm key={JSON.stringify(data.bridge)} saved={data.bridge} /> : null
}

function BridgeForm({ saved }: { readonly saved: DefaultBridge }) {
  const { t } = useTranslation()
  const [bridge, setBridge] = useState(saved)
  const [error, setError] = useState('')
  const change = (part: Partial<DefaultBridge>) => setBridge({ ...bridge, ...part })
  const save = () =>
    api.network.setSettings({ bridge }).then(
      () => setError(''),
      (cause: unknown) => setError(errorText(cause)),
    )
  const isSame = JSON.stringify(bridge) === JSON.stringify(saved)
  const subnet = (field: 'subnet' | 'ipv6Subnet', title: string, text: string) => (
    <Setting title={title} text={text}>
      <TextInput
        w={WIDTH}
        aria-label={title}
        placeholder={t('networks.chosen')}
        value={bridge[field]}
        onChange={(event) => change({ [field]: event.currentTarget.value.trim() })}
        data-testid={`bridge-${field}`}
      />
    </Setting>
  )
  return (
    <form
      data-testid="default-bridge"
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      <h2 className="facts-title">{t('defaultBridge.title')}</h2>
      <p className="settings-lead">{t('defaultBridge.text')}</p>
      {subnet('subnet', t('subnet'), t('defaultBridge.subnetText'))}
      <Setting title="MTU" text={t('defaultBridge.mtuText')}>
        <NumberInput
          w={WIDTH}
          aria-label="MTU"
          placeholder={String(USUAL_MTU)}
          min={0}
          max={65_535}
          value={bridge.mtu || ''}
          onChange={(value) => change({ mtu: Number(value) || 0 })}
          data-testid="bridge-mtu"
        />
      </Setting>
      {SWITCHES.map((field) => (
        <Setting key={field} title={t(`defaultBridge.${field}`)} text={t(`defaultBridge.${field}Text`)}>
          <Switch
            aria-label={t(`defaultBridge.${field}`)}
            checked={bridge[field]}
            onChange={(event) => change({ [field]: event.currentTarget.checked })}
            data-testid={`bridge-${field}`}
          />
        </Setting>
      ))}
      {bridge.enableIPv6 && subnet('ipv6Subnet', t('networks.subnet6'), t('defaultBridge.subnet6Text'))}
      {error && (
        <div className="error-note" role="alert">
          {error}
        </div>
      )}
      <div className="field-row">
        <Button type="submit" variant="default" disabled={isSame} data-testid="bridge-save">
          {t('defaultBridge.save')}
        </Button>
        <Button
          variant="subtle"
          disabled={JSON.stringify(bridge) === JSON.stringify(DefaultBridge.parse({}))}
          onClick={() => setBridge(DefaultBridge.parse({}))}
          data-testid="bridge-reset"
        >
          {t('defaultBridge.reset')}
        </Button>
      </div>
    </form>
  )
}
