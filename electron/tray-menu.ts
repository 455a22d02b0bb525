import type { MenuItemConstructorOptions } from 'electron'
import type { ContainerSummary } from '../engine/contract/index.ts'
import { type EngineView, isRunning } from './engine-watch.ts'
import type { Texts } from './texts.ts'

const RECENT = 5

export interface TrayActions {
  readonly open: () => void
  readonly openContainer: (name: string) => void
  readonly start: (id: string) => void
  readonly stop: (id: string) => void
  readonly quit: () => void
}

/** The tray's menu: what runs, the newest containers with what can be done to them, and the way out. The window does all of it too. */
export function trayMenu(view: EngineView, { t }: Texts, actions: TrayActions): MenuItemConstructorOptions[] {
  const recent = recentContainers(view.containers)
  return [
    { label: t('tray.running', { count: view.running }), enabled: false },
    { label: t('tray.open'), click: actions.open },
    { type: 'separator' },
    ...recent.map((container): MenuItemConstructorOptions => {
      const { id, name, status } = container
      return {
        label: `${name} · ${t(`status.${status}`)}`,
        submenu: [
          isRunning(container)
            ? { label: t('verb.stop'), click: () => actions.stop(id) }
            : { label: t('verb.start'), click: () => actions.start(id) },
          { label: t('tray.show'), click: () => actions.openContainer(name) },
        ],
      }
    }),
    ...(recent.length > 0 ? [{ type: 'separator' } as const] : []),
    { label: t('menu.quit'), click: actions.quit },
  ]
}

/** Those that were last started or made. */
export function recentContainers(containers: readonly ContainerSummary[]): readonly ContainerSummary[] {
  const lastUse = ({ startedAt, createdAt }: ContainerSummary) => (startedAt > createdAt ? startedAt : createdAt)
  return containers.toSorted((a, b) => lastUse(b).localeCompare(lastUse(a))).slice(0, RECENT)
}
