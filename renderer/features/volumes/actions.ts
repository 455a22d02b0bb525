import i18next from 'i18next'
import { api } from '../../api/client.ts'
import { useDialog } from '../../state/dialog.ts'

/** Asks before it removes. */
export function askRemove(volumes: readonly { readonly name: string }[]): void {
  const names = volumes.map(({ name }) => name)
  useDialog.getState().show({
    type: 'confirm',
    title: i18next.t('removeTitle', { count: volumes.length, name: names[0] }),
    text: i18next.t('removeVolumeText', { names: names.join(', ') }),
    verb: i18next.t('verb.remove'),
    act: async () => {
      for (const name of names) await api.volume.remove({ name })
    },
  })
}
