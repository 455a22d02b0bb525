import { Button, Group, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api, call } from '../../api/client.ts'
import { imageList } from '../../app/queries.ts'
import { formatBytes } from '../../lib/format.ts'
import { importArchive, reportFailure, useActivity } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'
import { ActivityCard } from '../activity/page.tsx'

/** Images, and what is being imported. */
export function ImagesPage() {
  const { t } = useTranslation()
  const { data: images = [] } = useQuery(imageList)
  const { openRun } = useView()
  const imports = useActivity(({ items }) => items).filter(
    ({ state, layers }) => state === 'running' || Object.keys(layers).length > 0,
  )
  const pick = async () => {
    for (const path of (await call('desktop.pickArchive', {})) as string[]) void importArchive(path)
  }
  const createStarter = () => api.image.createStarter({}).catch((error: unknown) => reportFailure(t('starter'), error))
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={3}>{t('images')}</Title>
        <Group gap="xs">
          <Button variant="default" data-testid="starter-create" onClick={() => void createStarter()}>
            {t('starter')}
          </Button>
          <Button onClick={() => void pick()}>{t('import')}</Button>
        </Group>
      </Group>
      {imports.map((item) => (
        <ActivityCard key={item.id} item={item} />
      ))}
      {images.length === 0 && (
        <div>
          <Text fw={600}>{t('noImages')}</Text>
          <Text c="dimmed">{t('noImagesHint')}</Text>
        </div>
      )}
      {images.length > 0 && (
        <Table highlightOnHover verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('image')}</Table.Th>
              <Table.Th>ID</Table.Th>
              <Table.Th className="num">{t('layers')}</Table.Th>
              <Table.Th className="num">{t('size')}</Table.Th>
              <Table.Th>{t('actions')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {images.map((image) => {
              const reference = image.references[0] ?? image.id
              const remove = () =>
                api.image
                  .remove({ id: reference })
                  .catch((error: unknown) => reportFailure(`${t('remove')}: ${reference}`, error))
              return (
                <Table.Tr key={image.id} data-testid="image-row" data-reference={reference}>
                  <Table.Td>{image.references.join(', ') || '<none>'}</Table.Td>
                  <Table.Td className="mono">{image.id.slice(7, 19)}</Table.Td>
                  <Table.Td className="num">{image.layerCount}</Table.Td>
                  <Table.Td className="num">{formatBytes(image.sizeBytes)}</Table.Td>
                  <Table.Td>
                    <Group gap={4}>
                      <Button size="compact-sm" data-testid="run-open" onClick={() => openRun(reference)}>
                        {t('run')}
                      </Button>
                      <Button size="compact-sm" variant="subtle" color="red" onClick={() => void remove()}>
                        {t('remove')}
                      </Button>
                    </Group>
                  </Table.Td>
                </Table.Tr>
              )
            })}
          </Table.Tbody>
        </Table>
      )}
    </Stack>
  )
}
