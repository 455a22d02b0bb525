import { Button, Group } from '@mantine/core'
import { IconFileImport, IconSparkles, IconStack2 } from '@tabler/icons-react'
import i18next from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, desktop } from '../../api/client.ts'
import { Empty } from '../../components/empty.tsx'
import { importArchive, reportFailure, reportFailureOf } from '../../state/activity.ts'

/** Lets the user pick archives on this machine and imports them. */
export function pickArchives(): void {
  const pick = async () => {
    for (const path of await desktop.pickArchive({})) void importArchive(path)
  }
  reportFailureOf(i18next.t('import'), pick())
}

/** What a newcomer sees: the two ways to a first image. */
export function FirstImage() {
  const { t } = useTranslation()
  const [isBusy, setBusy] = useState(false)
  const createStarter = () => {
    setBusy(true)
    api.image
      .createStarter({})
      .catch((error: unknown) => reportFailure(t('starter'), error))
      .finally(() => setBusy(false))
  }
  return (
    <Empty Icon={IconStack2} title={t('noImages')} text={t('noImagesHint')}>
      <Group gap="xs">
        <Button
          leftSection={<IconSparkles size={14} />}
          loading={isBusy}
          data-testid="starter-create"
          onClick={createStarter}
        >
          {t('starter')}
        </Button>
        <Button variant="default" leftSection={<IconFileImport size={14} />} onClick={pickArchives}>
          {t('import')}
        </Button>
      </Group>
    </Empty>
  )
}
