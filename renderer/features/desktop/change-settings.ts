import i18next from 'i18next'
import type { SettingsChange } from '../../../engine/contract/desktop.ts'
import { desktop } from '../../api/client.ts'
import { reportFailure } from '../../state/activity.ts'

/** Changes settings of the desktop; the app says when it has. What fails stays in Activity. */
export function changeSettings(change: SettingsChange): void {
  void desktop.changeSettings(change).catch((error: unknown) => reportFailure(i18next.t('settings.desktop'), error))
}
