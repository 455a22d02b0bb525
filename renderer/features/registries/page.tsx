import { Button, Group, Modal, PasswordInput, TextInput } from '@mantine/core'
import { IconLogin2, IconLogout, IconPlugConnected, IconServer2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { RegistryLogin } from '../../../engine/contract/registry.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { registryList } from '../../app/queries.ts'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { Empty } from '../../components/empty.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { useDialog } from '../../state/dialog.ts'
import { logOut, reloadLogins, testLogin, useTested } from './actions.ts'
import { Reaching } from './reaching.tsx'

/** Registries that we are known to: log in, test, log out; and how registries are reached. */
export function RegistriesPage() {
  const { t } = useTranslation()
  const { data: logins } = useQuery(registryList)
  const { dialog, show, close } = useDialog()
  const [elsewhere, setElsewhere] = useState<RegistryLogin | null>(null)
  const tested = useTested()
  const columns = useMemo(() => registryColumns(t, tested), [t, tested])
  const login = (
    <Button leftSection={<IconLogin2 size={14} />} data-testid="login-open" onClick={() => show({ type: 'login' })}>
      {t('registries.login')}
    </Button>
  )
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.registries')}</h1>
        {login}
      </div>
      {elsewhere && (
        <div className="error-note" role="alert" style={{ margin: '0 16px 12px' }} data-testid="login-elsewhere">
          {t('registries.elsewhere', { host: elsewhere.host, place: placeOf(t, elsewhere) })}
          {'\n'}
          {elsewhere.helperFailure}
        </div>
      )}
      {logins?.length === 0 && (
        <Empty Icon={IconServer2} title={t('registries.none')} text={t('registries.noneText')}>
          {login}
        </Empty>
      )}
      {logins && logins.length > 0 && (
        <DataGrid
          label={t('page.registries')}
          items={logins}
          columns={columns}
          idOf={({ host }) => host}
          nameOf={({ host }) => host}
          rowProps={({ host }) => ({ 'data-testid': 'registry-row', 'data-name': host })}
        />
      )}
      <Reaching />
      {dialog?.type === 'login' && <LoginDialog onClose={close} onKept={setElsewhere} />}
    </div>
  )
}

const placeOf = (t: TFunction, { keptIn, helper }: RegistryLogin) =>
  `${t(`registries.keptIn.${keptIn}`)}${helper ? ` (${helper})` : ''}`

function registryColumns(t: TFunction, tested: Readonly<Record<string, string>>): readonly Column<RegistryLogin>[] {
  return [
    {
      key: 'host',
      label: t('registries.host'),
      width: 'minmax(160px, 1fr)',
      sortBy: ({ host }) => host,
      render: ({ host }) => <span className="strong">{host}</span>,
    },
    { key: 'user', label: t('user'), width: '160px', render: ({ username }) => username || t('registries.token') },
    {
      key: 'kept',
      label: t('registries.kept'),
      width: '200px',
      render: (login) => placeOf(t, login),
    },
    {
      key: 'tested',
      label: t('registries.state'),
      width: 'minmax(160px, 2fr)',
      render: ({ host }) => <span title={tested[host]}>{tested[host] ?? '–'}</span>,
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '64px',
      render: ({ host }) => (
        <div style={{ display: 'flex' }}>
          <IconButton
            label={`${t('registries.test')}: ${host}`}
            Icon={IconPlugConnected}
            testId="registry-test"
            onClick={() => void testLogin(host, t)}
          />
          <IconButton
            label={`${t('registries.logout')}: ${host}`}
            Icon={IconLogout}
            testId="registry-logout"
            onClick={() => logOut(host, t)}
          />
        </div>
      ),
    },
  ]
}

interface LoginDialogProps {
  readonly onClose: () => void
  /** Told of a login that is not kept where it was to be; `null` when all is well. */
  readonly onKept: (elsewhere: RegistryLogin | null) => void
}

function LoginDialog({ onClose, onKept }: LoginDialogProps) {
  const { t } = useTranslation()
  const [host, setHost] = useState('docker.io')
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState('')
  const [isBusy, setBusy] = useState(false)
  const submit = () => {
    setBusy(true)
    setError('')
    api.registry
      .login({ host: host.trim(), username, password })
      .then((login) => {
        onKept(login.helperFailure ? login : null)
        return reloadLogins()
      })
      .then(onClose, (cause: unknown) => setError(errorText(cause)))
      .finally(() => setBusy(false))
  }
  return (
    <Modal opened onClose={onClose} title={t('registries.login')} closeButtonProps={{ 'aria-label': t('close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <TextInput
          label={t('registries.host')}
          value={host}
          onChange={(event) => setHost(event.currentTarget.value)}
          data-testid="login-host"
          data-autofocus
        />
        <TextInput
          mt="sm"
          label={t('user')}
          value={username}
          autoComplete="off"
          onChange={(event) => setUsername(event.currentTarget.value)}
          data-testid="login-user"
        />
        <PasswordInput
          mt="sm"
          size="xs"
          label={t('registries.password')}
          value={password}
          autoComplete="off"
          onChange={(event) => setPassword(event.currentTarget.value)}
          data-testid="login-password"
        />
        {error && (
          <div className="error-note" style={{ marginTop: 12 }} data-testid="login-error">
            {error}
          </div>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('cancel')}
          </Button>
          <Button type="submit" loading={isBusy} disabled={!username} data-testid="login-submit">
            {t('registries.login')}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
