import { app, Menu, type MenuItemConstructorOptions } from 'electron'
import { type DesktopRequest, type MenuAction, PAGE_NAMES } from '../engine/contract/desktop.ts'
import type { Texts } from './texts.ts'

/** The application menu. Keys that the window handles itself are only shown: a terminal in it must get them first. */
export function setMenu({ t }: Texts, ask: (request: DesktopRequest) => void): void {
  const action = (name: MenuAction, label: string, key?: string): MenuItemConstructorOptions => ({
    label,
    click: () => ask({ type: 'action', action: name }),
    ...(key ? { accelerator: key, registerAccelerator: key === 'Ctrl+,' } : {}),
  })
  const line: MenuItemConstructorOptions = { type: 'separator' }
  const role = (name: MenuItemConstructorOptions['role'], label: string): MenuItemConstructorOptions => ({
    label,
    ...(name ? { role: name } : {}),
  })
  const template: MenuItemConstructorOptions[] = [
    {
      label: t('menu.file'),
      submenu: [
        action('run', t('menu.run'), 'Ctrl+N'),
        action('pull', t('menu.pull')),
        action('import', t('menu.import')),
        line,
        action('settings', t('menu.settings'), 'Ctrl+,'),
        line,
        role('close', t('menu.closeWindow')),
        { label: t('menu.quit'), accelerator: 'Ctrl+Q', click: () => app.quit() },
      ],
    },
    {
      label: t('menu.edit'),
      submenu: [
        role('undo', t('menu.undo')),
        role('redo', t('menu.redo')),
        line,
        role('cut', t('menu.cut')),
        role('copy', t('menu.copy')),
        role('paste', t('menu.paste')),
        role('selectAll', t('selectAll')),
      ],
    },
    {
      label: t('menu.view'),
      submenu: [
        role('resetZoom', t('menu.actualSize')),
        role('zoomIn', t('menu.zoomIn')),
        role('zoomOut', t('menu.zoomOut')),
        line,
        role('togglefullscreen', t('menu.fullScreen')),
      ],
    },
    {
      label: t('menu.go'),
      submenu: [
        action('palette', t('palette'), 'Ctrl+K'),
        line,
        ...PAGE_NAMES.map(
          (page, index): MenuItemConstructorOptions => ({
            label: t(`page.${page}`),
            accelerator: `Ctrl+${index + 1}`,
            registerAccelerator: false,
            click: () => ask({ type: 'page', page }),
          }),
        ),
      ],
    },
    {
      label: t('menu.help'),
      submenu: [
        action('shortcuts', t('keyboard')),
        action('doctor', t('settings.doctor')),
        action('log', t('settings.log')),
        line,
        { label: `Slipway ${app.getVersion()}`, enabled: false },
      ],
    },
  ]
  Menu.setApplicationMenu(Menu.buildFromTemplate(template))
}
