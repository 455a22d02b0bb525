import { Notification } from 'electron'
import type { DesktopLink, DesktopSettings } from '../engine/contract/desktop.ts'
import type { EngineEvent } from '../engine/contract/index.ts'
import { createNotices, type Notice } from './notices.ts'
import type { Texts } from './texts.ts'

/** Tells through the desktop what happens while the window is not looked at. A click opens what it is about. */
export function createNotifications(options: {
  readonly texts: Texts
  readonly icon: string
  readonly wanted: () => DesktopSettings['notifications']
  readonly isLookedAt: () => boolean
  readonly open: (link: DesktopLink) => void
  /** Told of each, whether or not it is shown. */
  readonly onNotice: (notice: Notice) => void
}): { hear(event: EngineEvent): void } {
  const { texts, icon, wanted, isLookedAt, open, onNotice } = options
  // Held until they are closed: a notification that is collected hears no click.
  const shown = new Set<Notification>()
  const show = ({ kind, values, link }: Notice) => {
    if (isLookedAt() || !wanted()[kind] || !Notification.isSupported()) return
    const title = texts.t(`notice.${kind}.title`, values)
    const notification = new Notification({ title, body: texts.t(`notice.${kind}.text`, values), icon })
    shown.add(notification)
    notification.on('click', () => {
      shown.delete(notification)
      open(link)
    })
    notification.on('close', () => shown.delete(notification))
    notification.show()
  }
  return createNotices({
    onNotice: (notice) => {
      onNotice(notice)
      show(notice)
    },
    now: () => performance.now(),
    later: (work, milliseconds) => {
      const timer = setTimeout(work, milliseconds)
      return { cancel: () => clearTimeout(timer) }
    },
  })
}
