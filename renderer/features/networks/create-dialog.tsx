import { Button, Checkbox, Group, Modal, Select, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { systemInfo } from '../../app/queries.ts'
import {
  DRIVERS,
  type Driver,
  EMPTY_NETWORK,
  fieldOf,
  findBadField,
  MODES,
  type NetworkFields,
  type TextField,
  toRequest,
} from './request.ts'

interface Form {
  readonly fields: NetworkFields
  readonly set: (part: Partial<NetworkFields>) => void
  readonly errorOf: (field: TextField) => string | undefined
}
interface Failure {
  /** None where the answer is about no field of the form. */
  readonly field: TextField | undefined
  readonly text: string
}

/** Makes a network, with every option that its driver has. */
export function CreateNetworkDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation()
  const [fields, setFields] = useState(EMPTY_NETWORK)
  const [failure, setFailure] = useState<Failure | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = () => {
    const bad = findBadField(fields)
    if (bad) {
      const text = bad.value ? t('networks.bad.pair', { value: bad.value }) : t('networks.bad.name')
      return setFailure({ field: bad.field, text })
    }
    setBusy(true)
    api.network.create(toRequest(fields)).then(onClose, (cause: unknown) => {
      setFailure({ field: fieldOf(EngineError.from(cause), fields), text: errorText(cause) })
      setBusy(false)
    })
  }
  const form: Form = {
    fields,
    set: (part) => setFields((old) => ({ ...old, ...part })),
    errorOf: (field) => (failure?.field === field ? failure.text : undefined),
  }
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t('networks.create')}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <Stack gap="sm">
          <SimpleGrid cols={2}>
            <Text form={form} field="name" label={t('name')} isFirst />
            <Select
              label={t('driver')}
              data={[...DRIVERS]}
              value={fields.driver}
              allowDeselect={false}
              data-testid="network-driver"
              onChange={(value) => form.set({ driver: (value ?? 'bridge') as Driver, mode: '' })}
            />
          </SimpleGrid>
          {fields.driver === 'overlay' && <ClusterHint />}
          <Addresses form={form} />
          <DriverOptions form={form} />
          <More form={form} />
          {failure && !failure.field && <div className="error-note">{failure.text}</div>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t('cancel')}
            </Button>
            <Button type="submit" loading={isBusy} data-testid="network-submit">
              {t('verb.create')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

/** With whom an overlay network would be shared, or what is missing for that. */
function ClusterHint() {
  const { t } = useTranslation()
  const { data } = useQuery(systemInfo)
  if (!data) return null
  const { mode, cluster } = data
  const text =
    mode === 'rootless'
      ? t('networks.overlayRootless')
      : cluster.store
        ? t('networks.overlayShared', { store: cluster.store })
        : t('networks.overlayAlone', { file: `${data.root}/cluster.json` })
  return (
    <p className="quiet" style={{ margin: 0 }} data-testid="network-cluster">
      {text}
    </p>
  )
}

function Addresses({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  const chosen = t('networks.chosen')
  return (
    <>
      <SimpleGrid cols={3}>
        <Text form={form} field="subnet" label={t('subnet')} hint={chosen} />
        <Text form={form} field="gateway" label={t('gateway')} hint={chosen} />
        <Text form={form} field="ipRange" label={t('networks.ipRange')} hint={t('networks.wholeSubnet')} />
      </SimpleGrid>
      <Check form={form} field="enableIPv6" label={t('networks.enableIPv6')} />
      {form.fields.enableIPv6 && (
        <SimpleGrid cols={3}>
          <Text form={form} field="subnet6" label={t('networks.subnet6')} hint={chosen} />
          <Text form={form} field="gateway6" label={t('networks.gateway6')} hint={chosen} />
          <Text form={form} field="ipRange6" label={t('networks.ipRange6')} hint={t('networks.wholeSubnet')} />
        </SimpleGrid>
      )}
    </>
  )
}

function DriverOptions({ form }: { readonly form: Form }) {
  const { t } = useTranslation()
  const { driver, mode } = form.fields
  return (
    <>
      <SimpleGrid cols={3}>
        <Text form={form} field="mtu" label="MTU" hint="1500" />
        {driver === 'bridge' && (
          <Text form={form} field="bridgeName" label={t('networks.bridgeName')} hint={t('networks.fromId')} />
        )}
        {(driver === 'macvlan' || driver === 'ipvlan') && (
          <>
            <Text form={form} field="parent" label={t('networks.parent')} hint={t('networks.noParent')} />
            <Select
              label={t('networks.mode')}
              data={[...MODES[driver]]}
              value={mode || (MODES[driver][0] ?? null)}
              error={form.errorOf('mode')}
              allowDeselect={false}
              onChange={(value) => form.set({ mode: value ?? '' })}
            />
          </>
        )}
      </SimpleGrid>
      <Check form={form} field="isInternal" label={t('networks.isInternal')} />
      {driver === 'overlay' && <Check form={form} field="isEncrypted" label={t('networks.isEncrypted')} />}
      {driver === 'bridge' && (
        <>
          <Check form={form} field="isOpenWithin" label={t('networks.isOpenWithin')} />
          <Check form={form} field="isMasquerading" label={t('networks.isMasquerading')} />
        </>
      )}
    </>
  )
}

function More({ form }: { readonly form: Form }): ReactNode {
  const { t } = useTranslation()
  const lines = (field: TextField, label: string, hint: string) => (
    <Textarea
      label={label}
      placeholder={hint}
      size="xs"
      autosize
      minRows={2}
      value={form.fields[field]}
      error={form.errorOf(field)}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      data-testid={`network-${field}`}
      onChange={(event) => form.set({ [field]: event.currentTarget.value })}
    />
  )
  return (
    <SimpleGrid cols={3}>
      {lines('auxiliary', t('networks.auxiliary'), 'router=10.1.0.5')}
      {lines('labels', t('networks.labels'), 'team=shop')}
      {lines('options', t('networks.moreOptions'), 'key=value')}
    </SimpleGrid>
  )
}

function Text({
  form,
  field,
  label,
  hint = '',
  isFirst = false,
}: {
  readonly form: Form
  readonly field: TextField
  readonly label: string
  readonly hint?: string
  readonly isFirst?: boolean
}) {
  return (
    <TextInput
      label={label}
      placeholder={hint}
      value={form.fields[field]}
      error={form.errorOf(field)}
      data-testid={`network-${field}`}
      {...(isFirst ? { 'data-autofocus': true } : {})}
      onChange={(event) => form.set({ [field]: event.currentTarget.value })}
    />
  )
}

function Check({
  form,
  field,
  label,
}: {
  readonly form: Form
  readonly field: 'isInternal' | 'enableIPv6' | 'isOpenWithin' | 'isMasquerading' | 'isEncrypted'
  readonly label: string
}) {
  return (
    <Checkbox
      label={label}
      checked={form.fields[field]}
      data-testid={`network-${field}`}
      onChange={(event) => form.set({ [field]: event.currentTarget.checked })}
    />
  )
}
