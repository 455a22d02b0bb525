import { Button, Group, Progress, Switch, TextInput } from '@mantine/core'
import { IconDownload, IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { DesktopSettings } from '../../../engine/contract/desktop.ts'
import { EngineError } from '../../../engine/contract/errors.ts'
import { desktop } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { updateState } from '../../app/queries.ts'
import { Setting } from '../../components/setting.tsx'
import { reportFailureOf } from '../../state/activity.ts'
import { changeSettings, installUpdate } from '../desktop/change-settings.ts'

/** Where updates come from, how far one is, and the one step that needs a person. */
export function UpdateSettings({ wanted }: { readonly wanted: DesktopSettings['updates'] }) {
  const { t } = useTranslation()
  return (
    <>
      <h2 className="facts-title">{t('update.title')}</h2>
      <AddressSetting wanted={wanted} />
      <Setting title={t('update.daily')} text={t('update.dailyText')}>
        <Switch
          aria-label={t('update.daily')}
          data-testid="update-daily"
          checked={wanted.isDaily}
          onChange={(event) => changeSettings({ updates: { isDaily: event.currentTarget.checked } })}
        />
      </Setting>
      <Progression />
    </>
  )
}

function AddressSetting({ wanted }: { readonly wanted: DesktopSettings['updates'] }) {
  const { t } = useTranslation()
  const [url, setUrl] = useState(wanted.url)
  const [error, setError] = useState('')
  const save = () => {
    setError('')
    if (url.trim() === wanted.url) return
    desktop.changeSettings({ updates: { url: url.trim() } }).catch((cause: unknown) => {
      const isInvalid = EngineError.from(cause).reason === 'input.invalid'
      setError(isInvalid ? t('update.urlInvalid') : errorText(cause))
    })
  }
  return (
    <Setting title={t('update.url')} text={t('update.urlHint')}>
      <TextInput
        w={340}
        aria-label={t('update.url')}
        data-testid="update-url"
        value={url}
        error={error}
        onChange={(event) => setUrl(event.currentTarget.value)}
        onBlur={save}
        onKeyDown={(event) => event.key === 'Enter' && save()}
      />
    </Setting>
  )
}

function Progression() {
  const { t } = useTranslation()
  const { data: update } = useQuery(updateState)
  if (!update) return null
  const { state, reason, error } = update
  return (
    <div className="setting" data-testid="update-state" data-state={state} data-version={update.version}>
      <span>
        <span role="status">
          {t(`update.state.${state}`, { version: update.version, percent: update.percent })}{' '}
          {reason && <span className="quiet">{t(`update.reason.${reason}`)}</span>}
        </span>
        {state === 'downloading' && (
          <Progress size="sm" mt={4} value={update.percent} aria-label={t('update.title')} transitionDuration={0} />
        )}
      </span>
      <Group gap="xs">
        {state === 'ready' && (
          <Button leftSection={<IconDownload size={14} />} data-testid="update-install" onClick={installUpdate}>
            {t('update.install')}
          </Button>
        )}
        {state !== 'off' && state !== 'ready' && (
          <Button
            variant="default"
            leftSection={<IconRefresh size={14} />}
            loading={state === 'checking' || state === 'downloading'}
            data-testid="update-check"
            onClick={() => reportFailureOf(t('update.check'), desktop.checkUpdate({}))}
          >
            {t('update.check')}
          </Button>
        )}
      </Group>
      {error && (
        <div className="error-note setting-wide" data-testid="update-error">
          {error}
        </div>
      )}
    </div>
  )
}
