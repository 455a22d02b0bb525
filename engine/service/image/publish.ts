import { familiarReference } from '../../lib/reference.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { configOf } from './list.ts'

/** What happened to images; `create` is by a commit, `load` by an archive of images, `import` by one of files. */
export type ImageAction = 'create' | 'delete' | 'import' | 'load' | 'pull' | 'push' | 'save' | 'tag' | 'untag'

/**
 * What tells of an image: its labels are read at once, for they go with it. `name` is the reference or digest that is
 * meant, `''` where the image itself is.
 */
export async function imageTeller(
  context: ServiceContext,
  record: ImageRecord,
): Promise<(action: ImageAction, name?: string) => void> {
  // One whose config cannot be read goes all the same.
  const labels = await configOf(context, record).then(
    (config) => config.labels,
    () => ({}),
  )
  return (action, name = '') => {
    const attributes = { ...labels, name: name && familiarReference(name) }
    context.bus.publish({ type: 'image', action, id: record.id, attributes })
  }
}
