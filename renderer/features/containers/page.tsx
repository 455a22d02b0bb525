import { ActionIcon, Anchor, Badge, Button, Checkbox, Group, Stack, Table, Text, Title, Tooltip } from '@mantine/core'
import {
  IconFileText,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconPlugConnected,
  IconRefresh,
  IconTerminal2,
  IconTrash,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary, StatsSample } from '../../../engine/contract/container.ts'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api, call } from '../../api/client.ts'
import { containerList } from '../../app/queries.ts'
import { formatBytes } from '../../lib/format.ts'
import { reportFailure } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'

type Verb = 'start' | 'stop' | 'restart' | 'pause' | 'unpause' | 'kill' | 'remove'
const COLORS: Readonly<Record<ContainerSummary['status'], string>> = {
  created: 'gray',
  running: 'teal',
  paused: 'yellow',
  restarting: 'orange',
  exited: 'gray',
  dead: 'red',
  removing: 'gray',
}

/** Runs a verb; what fails stays in Activity. */
async function act(verb: Verb, container: ContainerSummary): Promise<void> {
  const { id } = container
  const work = verb === 'remove' ? api.container.remove({ id, force: true }) : api.container[verb]({ id })
  await work.catch((error: unknown) => {
    if (EngineError.from(error).code !== 'notModified') reportFailure(`${verb} ${container.name}`, error)
  })
}

/** The list of containers with live figures. */
export function ContainersPage() {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const { openRun } = useView()
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const stats = useStats()
  const chosen = containers.filter(({ id }) => selected.has(id))
  const toggle = (id: string) =>
    setSelected((old) => new Set(old.has(id) ? [...old].filter((other) => other !== id) : [...old, id]))
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={3}>{t('containers')}</Title>
        <Group gap="xs">
          {chosen.length > 0 && (
            <Group gap="xs" data-testid="bulk-bar">
              <Text size="sm">{t('selected', { count: chosen.length })}</Text>
              {(['start', 'stop', 'restart', 'remove'] as const).map((verb) => (
                <Button
                  key={verb}
                  size="compact-sm"
                  variant="default"
                  onClick={() =>
                    void Promise.all(chosen.map((container) => act(verb, container))).then(() => setSelected(new Set()))
                  }
                >
                  {t(verb)}
                </Button>
              ))}
            </Group>
          )}
          <Button onClick={() => openRun('')}>{t('run')}</Button>
        </Group>
      </Group>
      {containers.length === 0 && (
        <div>
          <Text fw={600}>{t('noContainers')}</Text>
          <Text c="dimmed">{t('noContainersHint')}</Text>
        </div>
      )}
      {containers.length > 0 && (
        <Table highlightOnHover verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={36} />
              <Table.Th>{t('state')}</Table.Th>
              <Table.Th>{t('name')}</Table.Th>
              <Table.Th>{t('image')}</Table.Th>
              <Table.Th>{t('ports')}</Table.Th>
              <Table.Th className="num">{t('cpu')}</Table.Th>
              <Table.Th className="num">{t('memory')}</Table.Th>
              <Table.Th>{t('actions')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {containers.map((container) => (
              <Row
                key={container.id}
                container={container}
                stats={stats.get(container.id)}
                isSelected={selected.has(container.id)}
                onSelect={() => toggle(container.id)}
              />
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Stack>
  )
}

interface RowProps {
  readonly container: ContainerSummary
  readonly stats: StatsSample | undefined
  readonly isSelected: boolean
  readonly onSelect: () => void
}

function Row({ container, stats, isSelected, onSelect }: RowProps) {
  const { t } = useTranslation()
  const { openTab } = useView()
  const { id, name, status } = container
  const isAlive = status === 'running' || status === 'paused'
  const open = (kind: 'exec' | 'attach' | 'logs') => openTab({ kind, containerId: id, title: name })
  const verb = (action: Verb, Icon: typeof IconTrash, isEnabled: boolean) => (
    <RowAction
      key={action}
      name={action}
      label={t(action)}
      Icon={Icon}
      isEnabled={isEnabled}
      onClick={() => void act(action, container)}
    />
  )
  return (
    <Table.Tr data-testid="container-row" data-name={name} data-status={status}>
      <Table.Td>
        <Checkbox aria-label={name} checked={isSelected} onChange={onSelect} />
      </Table.Td>
      <Table.Td>
        <Badge variant="light" color={COLORS[status]}>
          {t(status === 'created' ? 'created_' : status)}
          {status === 'exited' ? ` (${container.exitCode})` : ''}
        </Badge>
      </Table.Td>
      <Table.Td fw={600}>{name}</Table.Td>
      <Table.Td>{container.image}</Table.Td>
      <Table.Td>
        {container.ports.map((port) => (
          <Anchor
            key={`${port.hostPort}/${port.containerPort}`}
            component="button"
            size="sm"
            onClick={() => void call('desktop.openExternal', { url: `http://localhost:${port.hostPort}` })}
          >
            {port.hostPort}:{port.containerPort}/{port.protocol}
          </Anchor>
        ))}
      </Table.Td>
      <Table.Td className="num">{isAlive && stats ? `${stats.cpuPercent.toFixed(1)} %` : ''}</Table.Td>
      <Table.Td className="num">{isAlive && stats ? formatBytes(stats.memoryBytes) : ''}</Table.Td>
      <Table.Td>
        <Group gap={2} wrap="nowrap">
          {status === 'paused' ? verb('unpause', IconPlayerPlay, true) : verb('start', IconPlayerPlay, !isAlive)}
          {verb('pause', IconPlayerPause, status === 'running')}
          {verb('stop', IconPlayerStop, isAlive || status === 'restarting')}
          {verb('restart', IconRefresh, isAlive)}
          <RowAction name="logs" label={t('logs')} Icon={IconFileText} isEnabled onClick={() => open('logs')} />
          <RowAction
            name="terminal"
            label={t('terminal')}
            Icon={IconTerminal2}
            isEnabled={status === 'running'}
            onClick={() => open('exec')}
          />
          <RowAction
            name="attach"
            label={t('attach')}
            Icon={IconPlugConnected}
            isEnabled={status === 'running'}
            onClick={() => open('attach')}
          />
          <RowAction
            name="remove"
            label={t('remove')}
            Icon={IconTrash}
            isEnabled
            onClick={() => window.confirm(t('confirmRemove', { name })) && void act('remove', container)}
          />
        </Group>
      </Table.Td>
    </Table.Tr>
  )
}

function RowAction({
  name,
  label,
  Icon,
  isEnabled,
  onClick,
}: {
  readonly name: string
  readonly label: string
  readonly Icon: typeof IconTrash
  readonly isEnabled: boolean
  readonly onClick: () => void
}) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        data-testid={`row-action-${name}`}
        disabled={!isEnabled}
        onClick={onClick}
      >
        <Icon size={16} />
      </ActionIcon>
    </Tooltip>
  )
}

/** The latest sample of every running container, for as long as the page is shown. */
function useStats(): ReadonlyMap<string, StatsSample> {
  const [stats, setStats] = useState<ReadonlyMap<string, StatsSample>>(new Map())
  useEffect(() => {
    const stream = api.container.stats({})
    void (async () => {
      try {
        for await (const samples of stream) setStats(new Map(samples.map((sample) => [sample.id, sample])))
      } catch {
        setStats(new Map())
      }
    })()
    return () => stream.close()
  }, [])
  return stats
}
