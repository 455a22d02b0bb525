import { Button, Group, Modal, NumberInput, Select, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { desktop } from '../../api/client.ts'
import { containerDetail } from '../../app/queries.ts'
import { recordPackets } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'

const MIB = 1024 * 1024
const USUAL_LIMIT_MIB = 256
const LOOPBACK = 'lo'

/** Asks which interface to record, how much at most, and where to. */
export function CaptureDialog() {
  const { dialog } = useDialog()
  return dialog?.type === 'capture' ? <Form container={dialog.container} /> : null
}

function Form({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { close } = useDialog()
  const { data: detail } = useQuery(containerDetail(container.id))
  const [chosen, setChosen] = useState('')
  const [limit, setLimit] = useState<number | string>(USUAL_LIMIT_MIB)
  const interfaces = [
    ...(detail?.networks ?? []).map(({ interface: name, network }) => ({ value: name, label: `${name} · ${network}` })),
    { value: LOOPBACK, label: `${LOOPBACK} · ${t('capture.loopback')}` },
  ]
  const picked = chosen || (interfaces[0]?.value ?? '')
  const submit = async () => {
    const name = `${container.name}-${picked}.pcap`
    const path = await desktop.pickSavePath({ name })
    if (!path) return
    close()
    await recordPackets(container, { interface: picked, path, limitBytes: Math.max(1, Number(limit)) * MIB })
  }
  return (
    <Modal
      opened
      onClose={close}
      title={t('capture.title', { name: container.name })}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <Stack gap="sm">
          <p className="quiet" style={{ margin: 0 }}>
            {t('capture.lead')}
          </p>
          <Select
            label={t('interface')}
            data={interfaces}
            value={picked}
            onChange={(value) => setChosen(value ?? '')}
            allowDeselect={false}
            data-testid="capture-interface"
          />
          <NumberInput
            label={t('capture.limit')}
            min={1}
            max={65536}
            suffix=" MiB"
            value={limit}
            onChange={setLimit}
            data-testid="capture-limit"
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t('cancel')}
            </Button>
            <Button type="submit" data-testid="capture-submit" data-autofocus>
              {t('capture.start')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
