import i18next from 'i18next'
import { api } from '../../api/client.ts'
import {
  type Activity,
  importArchive,
  pullImage,
  pushImage,
  reportFailure,
  saveImage,
  useActivity,
} from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import type { NextStep, Work } from '../../state/next-step.ts'
import { useView } from '../../state/view.ts'
import { act, openContainer } from '../containers/actions.ts'

/** What the button of a step says. */
export function labelOf(step: NextStep): string {
  if (step.type !== 'page') return i18next.t(`step.${step.type}`)
  return step.page === 'disk' ? i18next.t('step.disk') : i18next.t('step.registries')
}

/** Does what a person chose to do about a failure. */
export async function takeStep(item: Activity, step: NextStep): Promise<void> {
  switch (step.type) {
    case 'repeat':
      // What comes of it has an entry of its own.
      useActivity.getState().dismiss(item.id)
      return repeat(step.work)
    case 'page':
      return useView.getState().show(step.page)
    case 'container':
      return withContainer(step.id, ({ id }) => openContainer(id))
    case 'edit':
      return withContainer(step.id, (container) => useDialog.getState().show({ type: 'edit', container }))
  }
}

function repeat(work: Work): Promise<void> {
  switch (work.type) {
    case 'import':
      return importArchive(work.path)
    case 'pull':
      return pullImage(work.reference)
    case 'push':
      return pushImage(work.reference)
    case 'save':
      return saveImage(work.reference, work.path)
    case 'container':
      return withContainer(work.id, (container) => act(work.verb, [container]))
  }
}

type Container = Awaited<ReturnType<typeof api.container.list>>[number]

/** Works on a container by its id or name; one that is gone is told of. */
async function withContainer(id: string, work: (container: Container) => unknown): Promise<void> {
  try {
    const [found, all] = await Promise.all([api.container.inspect({ id }), api.container.list({ all: true })])
    const container = all.find((one) => one.id === found.id)
    if (container) await work(container)
  } catch (error) {
    reportFailure(i18next.t('link.failed', { name: id }), error)
  }
}
