import { Badge, Button, Card, Group, Progress, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { type Activity, useActivity } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'

/** Everything that was done and every failure, until it is dismissed. */
export function ActivityPage() {
  const { t } = useTranslation()
  const { items } = useActivity()
  return (
    <Stack gap="sm">
      {items.length === 0 && <Text c="dimmed">{t('noActivity')}</Text>}
      {items.map((item) => (
        <ActivityCard key={item.id} item={item} />
      ))}
    </Stack>
  )
}

/** One import or failure. */
export function ActivityCard({ item }: { readonly item: Activity }) {
  const { t } = useTranslation()
  const { dismiss } = useActivity()
  const { openRun } = useView()
  const color = { running: 'blue', done: 'teal', failed: 'red' }[item.state]
  return (
    <Card withBorder padding="sm" data-testid="import-progress" data-state={item.state}>
      <Group justify="space-between">
        <Group gap="xs">
          <Badge color={color} variant="light">
            {t(item.state)}
          </Badge>
          <Text fw={600}>{item.reference || item.title}</Text>
        </Group>
        <Group gap="xs">
          {item.state === 'done' && item.reference && (
            <Button size="compact-sm" onClick={() => openRun(item.reference)}>
              {t('run')}
            </Button>
          )}
          {item.cancel ? (
            <Button size="compact-sm" variant="default" onClick={item.cancel}>
              {t('cancel')}
            </Button>
          ) : (
            <Button size="compact-sm" variant="subtle" onClick={() => dismiss(item.id)}>
              {t('dismiss')}
            </Button>
          )}
        </Group>
      </Group>
      {item.message && (
        <Text size="sm" c="red" mt={4}>
          {item.message}
        </Text>
      )}
      {Object.entries(item.layers).map(([layer, progress]) => (
        <Group key={layer} gap="sm" mt={6} wrap="nowrap">
          <Text className="mono" w={110}>
            {layer}
          </Text>
          <Progress
            aria-label={layer}
            style={{ flex: 1 }}
            value={
              progress.state === 'done' || progress.state === 'exists'
                ? 100
                : (progress.currentBytes / Math.max(1, progress.totalBytes)) * 100
            }
          />
        </Group>
      ))}
    </Card>
  )
}
