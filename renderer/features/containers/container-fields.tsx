import { Button, Checkbox, Collapse, Group, Select, SimpleGrid, TextInput } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { imageDetail, networkList } from '../../app/queries.ts'
import type { RunFields } from './run-request.ts'
import { EnvRows, MountRows, NetworkRows, PortRows } from './run-rows.tsx'

interface FieldsProps {
  readonly fields: RunFields
  readonly set: (part: Partial<RunFields>) => void
}

/** What can be said of a container beside its image and its name, for the dialogs that run and edit one. */
export function ContainerFields({
  fields,
  set,
  image: reference,
  hasNetworks = true,
}: FieldsProps & { readonly image: string; readonly hasNetworks?: boolean }) {
  const { t } = useTranslation()
  const { data: image } = useQuery(imageDetail(reference))
  const { data: networks = [] } = useQuery(networkList)
  return (
    <>
      <TextInput
        label={t('command')}
        placeholder={[...(image?.entrypoint ?? []), ...(image?.command ?? [])].join(' ') || t('commandHint')}
        value={fields.command}
        onChange={(event) => set({ command: event.currentTarget.value })}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        data-testid="run-command"
      />
      <PortRows rows={fields.ports} onChange={(ports) => set({ ports })} exposed={image?.exposedPorts ?? []} />
      {hasNetworks && (
        <NetworkRows
          rows={fields.networks}
          onChange={(rows) => set({ networks: rows })}
          networks={networks.map(({ name }) => name)}
        />
      )}
      <MountRows rows={fields.mounts} onChange={(mounts) => set({ mounts })} />
      <EnvRows rows={fields.env} onChange={(env) => set({ env })} />
      <Checkbox
        label={t('tty')}
        checked={fields.isTty}
        onChange={(event) => set({ isTty: event.currentTarget.checked })}
        data-testid="run-tty"
      />
      <MoreOptions fields={fields} set={set} />
    </>
  )
}

const POLICIES = ['no', 'on-failure', 'unless-stopped', 'always'] as const

function MoreOptions({ fields, set }: FieldsProps) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  const text = (key: 'user' | 'workingDir' | 'hostname' | 'memory' | 'cpus', label: string, placeholder = '') => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={fields[key]}
      onChange={(event) => set({ [key]: event.currentTarget.value })}
      data-testid={`run-${key}`}
    />
  )
  const box = (key: 'isInit' | 'isReadOnly' | 'isAutoRemove', label: string) => (
    <Checkbox label={label} checked={fields[key]} onChange={(event) => set({ [key]: event.currentTarget.checked })} />
  )
  return (
    <div>
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        aria-expanded={isOpen}
        leftSection={isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        onClick={() => setOpen(!isOpen)}
      >
        {t('moreOptions')}
      </Button>
      <Collapse expanded={isOpen}>
        <SimpleGrid cols={3} mt="xs">
          {text('memory', t('memoryLimit'), '512m')}
          {text('cpus', t('cpuLimit'), '1.5')}
          <Select
            label={t('restartPolicy')}
            data={POLICIES.map((value) => ({ value, label: t(`policy.${value}`) }))}
            value={fields.restart}
            onChange={(value) => set({ restart: (value ?? 'no') as RunFields['restart'] })}
            allowDeselect={false}
          />
          {text('user', t('user'), '1000:1000')}
          {text('workingDir', t('workingDir'))}
          {text('hostname', t('hostname'))}
        </SimpleGrid>
        <Group mt="sm">
          {box('isAutoRemove', t('autoRemove'))}
          {box('isInit', t('init'))}
          {box('isReadOnly', t('readOnlyRoot'))}
        </Group>
      </Collapse>
    </div>
  )
}
