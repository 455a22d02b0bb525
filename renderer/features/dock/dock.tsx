import { IconFileText, IconPlugConnected, IconTerminal2, IconX } from '@tabler/icons-react'
import type { PointerEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { type DockTab, useDock } from '../../state/dock.ts'
import { LogView } from './log-view.tsx'
import { TerminalView } from './terminal-view.tsx'

const ICONS = { exec: IconTerminal2, attach: IconPlugConnected, logs: IconFileText } as const
const STEP_PX = 24

/** Terminals and logs in tabs that live on whatever page is shown. */
export function Dock() {
  const { tabs, activeKey, height } = useDock()
  if (tabs.length === 0) return null
  return (
    <section className="dock" data-testid="dock" style={{ height }}>
      <Grip />
      <div className="dock-tabs">
        {tabs.map((tab) => (
          <TabHead key={tab.key} tab={tab} isActive={tab.key === activeKey} />
        ))}
      </div>
      {tabs.map((tab) => (
        <div
          key={tab.key}
          className="dock-body"
          style={{ display: tab.key === activeKey ? 'block' : 'none', position: 'relative' }}
        >
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

function TabHead({ tab, isActive }: { readonly tab: DockTab; readonly isActive: boolean }) {
  const { t } = useTranslation()
  const { activate, close } = useDock()
  const Icon = ICONS[tab.kind]
  return (
    <div className="dock-tab" data-active={isActive} data-testid="dock-tab">
      <button type="button" aria-pressed={isActive} onClick={() => activate(tab.key)}>
        <Icon size={14} aria-hidden />
        {t(tab.kind === 'exec' ? 'terminal' : tab.kind)}: {tab.title}
      </button>
      <button type="button" aria-label={`${t('close')}: ${tab.title}`} onClick={() => close(tab.key)}>
        <IconX size={13} aria-hidden />
      </button>
    </div>
  )
}

/** The dock's upper edge: dragged, or moved with the arrow keys. */
function Grip() {
  const { t } = useTranslation()
  const { height, resize } = useDock()
  const onPointerMove = (event: PointerEvent) => {
    if (event.buttons === 1) resize(window.innerHeight - event.clientY)
  }
  return (
    <button
      type="button"
      className="dock-grip"
      aria-label={t('resizeDock')}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={onPointerMove}
      onKeyDown={(event) => {
        if (event.key === 'ArrowUp') resize(height + STEP_PX)
        else if (event.key === 'ArrowDown') resize(height - STEP_PX)
      }}
    />
  )
}
