import path from 'node:path'
import { Menu, Tray } from 'electron'
import type { AppLog } from '../engine/log.ts'
import { type EngineView, NOTHING } from './engine-watch.ts'
import type { Requests } from './requests.ts'
import type { Texts } from './texts.ts'
import { watchTrayHost } from './tray-host.ts'
import { type TrayActions, trayMenu } from './tray-menu.ts'

/** The app's icon in the tray, for as long as this desktop has a tray that shows it. */
export interface AppTray {
  hasHost(): boolean
  show(view: EngineView): void
  /** The language has changed. */
  relabel(): void
}

export function createTray(options: {
  readonly texts: Texts
  readonly iconFolder: string
  readonly actions: TrayActions
  readonly requests: Requests
  readonly log: AppLog
  /** Nobody shows the icon any more. */
  readonly onLost: () => void
}): AppTray {
  const { texts, iconFolder, actions } = options
  let tray: Tray | undefined
  let view = NOTHING
  const icon = () => path.join(iconFolder, view.running > 0 ? 'running.png' : 'idle.png')
  const draw = () => {
    if (!tray) return
    tray.setImage(icon())
    tray.setToolTip(`Slipway: ${texts.t('tray.running', { count: view.running })}`)
    tray.setContextMenu(Menu.buildFromTemplate(trayMenu(view, texts, actions)))
  }
  watchTrayHost((hasHost) => {
    if (hasHost && !tray) {
      tray = new Tray(icon())
      tray.on('click', actions.open)
      draw()
    } else if (!hasHost && tray) {
      tray.destroy()
      tray = undefined
      options.onLost()
    }
    options.requests.send({ type: 'changed', what: 'state' })
  }).catch((error: unknown) => options.log.log.warn({ error: String(error) }, 'no tray'))
  return {
    hasHost: () => tray !== undefined,
    show(next) {
      view = next
      draw()
    },
    relabel: draw,
  }
}
