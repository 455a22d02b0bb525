import i18next from 'i18next'
import type { SettingsChange } from '../../../engine/contract/desktop.ts'
import { desktop } from '../../api/client.ts'
import { reportFailureOf } from '../../state/activity.ts'

/** Changes settings of the desktop; the app says when it has. What fails stays in Activity. */
export function changeSettings(change: SettingsChange): void {
  reportFailureOf(i18next.t('settings.desktop'), desktop.changeSettings(change))
}

/** Ends the app and puts the update in place that is ready. */
export const installUpdate = (): void => reportFailureOf(i18next.t('update.install'), desktop.installUpdate({}))
