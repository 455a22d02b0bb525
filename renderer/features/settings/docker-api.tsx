import { Button, Switch } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { ApiClient, DockerApi } from '../../../engine/contract/docker.ts'
import { api } from '../../api/client.ts'
import { dockerApi } from '../../app/queries.ts'
import { CopyLine } from '../../components/copy-line.tsx'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { Facts } from '../../components/facts.tsx'
import { reportFailure } from '../../state/activity.ts'

/** How docker's clients reach the engine, and which do now. */
export function DockerApiSettings() {
  const { t } = useTranslation()
  const { data } = useQuery(dockerApi)
  if (!data) return null
  return (
    <>
      <p className="settings-lead">{t('docker.lead')}</p>
      {!data.isServed && (
        <p className="status" data-tone="warn" data-testid="docker-unserved">
          {t('docker.unserved')}
        </p>
      )}
      <Facts
        title={t('docker.socket')}
        facts={[
          [t('docker.path'), <CopyLine key="path" text={data.socket} testId="docker-socket" />],
          [t('docker.shell'), <CopyLine key="host" text={`export DOCKER_HOST=${data.host}`} testId="docker-host" />],
        ]}
      />
      <ContextFacts docker={data} />
      <OfferFacts docker={data} />
      <Clients clients={data.clients} />
    </>
  )
}

function ContextFacts({ docker }: { readonly docker: DockerApi }) {
  const { t } = useTranslation()
  const { name, state, isCurrent } = docker.context
  const create = () =>
    void api.docker.createContext({}).catch((error: unknown) => reportFailure(t('docker.createContext'), error))
  return (
    <Facts
      title={t('docker.context')}
      facts={[
        [
          t('name'),
          <span key="name" data-testid="docker-context" data-state={state}>
            <span className="mono">{name}</span> {t(`docker.contextState.${state}`)}
          </span>,
        ],
        [
          '\u00a0',
          state === 'none' && (
            <Button
              key="create"
              variant="default"
              leftSection={<IconPlugConnected size={14} />}
              data-testid="docker-context-create"
              onClick={create}
            >
              {t('docker.createContext')}
            </Button>
          ),
        ],
        [
          t('docker.use'),
          state === 'ours' && <CopyLine key="use" text={`docker --context ${name} ps`} testId="docker-context-use" />,
        ],
        [
          t('docker.makeCurrent'),
          state === 'ours' && !isCurrent && <CopyLine key="current" text={`docker context use ${name}`} />,
        ],
      ].map(([label, value]) => [label as string, value || ''] as const)}
    />
  )
}

function OfferFacts({ docker }: { readonly docker: DockerApi }) {
  const { t } = useTranslation()
  const { path, state, isWanted } = docker.offer
  if (state === 'none' || path === docker.socket) return null
  return (
    <Facts
      title={t('docker.offer')}
      facts={[
        [
          t('docker.path'),
          <span key="path" className="mono">
            {path}
          </span>,
        ],
        [
          '\u00a0',
          <Switch
            key="switch"
            data-testid="docker-offer"
            checked={isWanted}
            disabled={state === 'taken' && !isWanted}
            label={t('docker.offerText')}
            description={t(`docker.offerState.${state}`)}
            onChange={(event) => {
              const isOn = event.currentTarget.checked
              void api.docker.offerSocket({ isOn }).catch((error: unknown) => reportFailure(t('docker.offer'), error))
            }}
          />,
        ],
      ]}
    />
  )
}

function Clients({ clients }: { readonly clients: readonly ApiClient[] }) {
  const { t } = useTranslation()
  const columns = useMemo(
    (): readonly Column<ApiClient>[] => [
      {
        key: 'program',
        label: t('docker.program'),
        width: 'minmax(140px, 1fr)',
        sortBy: ({ program }) => program,
        render: ({ program }) => <span className="strong">{program || t('docker.unknown')}</span>,
      },
      { key: 'pid', label: 'PID', width: '100px', render: ({ pid }) => <span className="mono">{pid}</span> },
      { key: 'user', label: t('docker.uid'), width: '100px', render: ({ uid }) => String(uid) },
      { key: 'connections', label: t('docker.connections'), width: '120px', render: (item) => item.connections },
      {
        key: 'since',
        label: t('docker.since'),
        width: '140px',
        render: ({ connectedAt }) => <Elapsed since={connectedAt} />,
      },
    ],
    [t],
  )
  return (
    <>
      <h2 className="facts-title">{t('docker.clients')}</h2>
      {clients.length === 0 ? (
        <p className="status" data-testid="docker-nobody">
          {t('docker.nobody')}
        </p>
      ) : (
        <DataGrid
          label={t('docker.clients')}
          items={clients}
          columns={columns}
          idOf={({ pid }) => String(pid)}
          nameOf={({ program, pid }) => `${program} ${pid}`}
          rowProps={({ program }) => ({ 'data-testid': 'docker-client', 'data-name': program })}
        />
      )}
    </>
  )
}
