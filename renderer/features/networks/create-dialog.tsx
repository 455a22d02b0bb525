import { Button, Group, Modal, Select, SimpleGrid, Stack, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { systemInfo } from '../../app/queries.ts'
import { DriverOptions } from './driver-options.tsx'
import { Addresses, type Form, HELP_BELOW, Text } from './form-fields.tsx'
import { DRIVERS, type Driver, EMPTY_NETWORK, fieldOf, findBadField, type TextField, toRequest } from './request.ts'

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
      size={760}
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
              description={t(`networks.driverHelp.${fields.driver}`)}
              inputWrapperOrder={HELP_BELOW}
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

function More({ form }: { readonly form: Form }): ReactNode {
  const { t } = useTranslation()
  const lines = (field: 'auxiliary' | 'labels' | 'options', label: string, hint: string) => (
    <Textarea
      label={label}
      description={t(`networks.help.${field}`)}
      inputWrapperOrder={HELP_BELOW}
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
