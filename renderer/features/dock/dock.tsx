import { ActionIcon, Group, Tabs } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useView } from '../../state/view.ts'
import { LogView } from './log-view.tsx'
import { TerminalView } from './terminal-view.tsx'

/** Terminals and logs in tabs that live on whatever page is shown. */
export function Dock() {
  const { t } = useTranslation()
  const { tabs, activeTab, activateTab, closeTab } = useView()
  if (tabs.length === 0) return null
  return (
    <section className="dock" data-testid="dock" style={{ gridColumn: 2 }}>
      <Tabs value={activeTab} onChange={(key) => activateTab(key ?? '')}>
        <Tabs.List>
          {tabs.map((tab) => (
            <Group key={tab.key} gap={0} wrap="nowrap">
              <Tabs.Tab value={tab.key}>
                {t(tab.kind === 'exec' ? 'terminal' : tab.kind)}: {tab.title}
              </Tabs.Tab>
              <ActionIcon
                size="sm"
                variant="subtle"
                color="gray"
                aria-label={t('close')}
                onClick={() => closeTab(tab.key)}
              >
                <IconX size={14} />
              </ActionIcon>
            </Group>
          ))}
        </Tabs.List>
      </Tabs>
      {tabs.map((tab) => (
        <div key={tab.key} className="dock-body" hidden={tab.key !== activeTab}>
          {tab.kind === 'logs' ? (
            <LogView containerId={tab.containerId} />
          ) : (
            <TerminalView containerId={tab.containerId} kind={tab.kind} />
          )}
        </div>
      ))}
    </section>
  )
}
