import i18next from 'i18next'
import type { ImageSummary } from '../../../engine/contract/image.ts'
import { api, desktop } from '../../api/client.ts'
import { saveImage } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'

/** An image by its first name, or by its id if nobody named it. */
export const nameOfImage = ({ references, id }: ImageSummary): string => references[0] ?? id.slice(7, 19)

/** Asks before it removes. */
export function askRemove(images: readonly ImageSummary[]): void {
  const names = images.map(nameOfImage)
  useDialog.getState().show({
    type: 'confirm',
    title: i18next.t('removeTitle', { count: images.length, name: names[0] }),
    text: i18next.t('removeImageText', { names: names.join(', ') }),
    verb: i18next.t('verb.remove'),
    act: async () => {
      for (const image of images) await api.image.remove({ id: image.references[0] ?? image.id })
    },
  })
}

/** Asks where to, and saves. The name that is offered is the image's own without what file names cannot have. */
export async function pickAndSave(image: ImageSummary): Promise<void> {
  const path = await desktop.pickSavePath({ name: `${nameOfImage(image).replace(/[^\w.-]+/g, '-')}.tar` })
  if (path) await saveImage(image.references[0] ?? image.id, path)
}
