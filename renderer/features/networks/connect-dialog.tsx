import { Button, Group, Modal, Select, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { containerList } from '../../app/queries.ts'

const EMPTY = { container: '', ipAddress: '', ipv6Address: '', aliases: '', priority: '' }
type Field = keyof typeof EMPTY

/** The field that the engine's answer is about. */
function fieldOf({ reason, message }: EngineError, fields: typeof EMPTY): Field {
  if (reason.endsWith('-alias')) return 'aliases'
  if (fields.ipv6Address && message.includes(fields.ipv6Address.trim())) return 'ipv6Address'
  return reason.includes('address') ? 'ipAddress' : 'container'
}

/** Gives a container a place on a network: with an address, names and a priority of its own if wanted. */
export function ConnectDialog({
  network,
  onClose,
}: {
  readonly network: NetworkSummary
  readonly onClose: () => void
}) {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const [fields, setFields] = useState(EMPTY)
  const [failure, setFailure] = useState<{ readonly field: Field; readonly text: string } | null>(null)
  const [isBusy, setBusy] = useState(false)
  const members = new Set(network.endpoints.map(({ containerId }) => containerId))
  const free = containers.filter(({ id }) => !members.has(id))
  const submit = () => {
    const problem = firstProblem(fields)
    if (problem) return setFailure({ field: problem, text: t(`networks.bad.${problem}`) })
    setBusy(true)
    api.network
      .connect({ id: network.id, container: fields.container, endpoint: toEndpoint(fields) })
      .then(onClose, (cause: unknown) => {
        setFailure({ field: fieldOf(EngineError.from(cause), fields), text: errorText(cause) })
        setBusy(false)
      })
  }
  const common = (field: Field) => ({
    value: fields[field],
    error: failure?.field === field ? failure.text : undefined,
    'data-testid': `connect-${field}`,
  })
  const input = (field: Field) => ({
    ...common(field),
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget
      setFields((old) => ({ ...old, [field]: value }))
    },
  })
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('networks.connectTitle', { name: network.name })}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <Stack gap="sm">
          <Select
            label={t('networks.container')}
            data={free.map(({ id, name }) => ({ value: id, label: name }))}
            nothingFoundMessage={t('networks.allConnected')}
            searchable
            data-autofocus
            {...common('container')}
            onChange={(value) => setFields((old) => ({ ...old, container: value ?? '' }))}
          />
          <SimpleGrid cols={2}>
            <TextInput label={t('networks.ipv4')} placeholder={t('networks.chosen')} {...input('ipAddress')} />
            <TextInput
              label={t('networks.ipv6')}
              placeholder={t('networks.chosen')}
              disabled={!network.enableIPv6}
              {...input('ipv6Address')}
            />
            <TextInput label={t('networks.aliases')} placeholder={t('networks.aliasesHint')} {...input('aliases')} />
            <TextInput label={t('networks.priority')} placeholder="0" {...input('priority')} />
          </SimpleGrid>
          <p className="quiet" style={{ margin: 0 }}>
            {t('networks.priorityHint')}
          </p>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('cancel')}
            </Button>
            <Button type="submit" loading={isBusy} data-testid="connect-submit">
              {t('networks.connect')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

function firstProblem({ container, priority }: typeof EMPTY): 'container' | 'priority' | undefined {
  if (container === '') return 'container'
  return Number.isInteger(Number(priority.trim() || '0')) ? undefined : 'priority'
}

function toEndpoint({ ipAddress, ipv6Address, aliases, priority }: typeof EMPTY) {
  return {
    ipAddress: ipAddress.trim(),
    ipv6Address: ipv6Address.trim(),
    aliases: aliases.split(/[\s,]+/).filter(Boolean),
    priority: Number(priority.trim() || '0'),
  }
}
