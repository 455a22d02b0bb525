import { openSpotlight } from '@mantine/spotlight'
import i18next from 'i18next'
import type { DesktopLink, DesktopRequest, MenuAction } from '../../engine/contract/desktop.ts'
import { EngineError } from '../../engine/contract/errors.ts'
import { api, desktop } from '../api/client.ts'
import { pickArchives } from '../features/images/first-image.tsx'
import { importArchive, reportFailure, reportTrouble } from '../state/activity.ts'
import { useDialog } from '../state/dialog.ts'
import { useNotices } from '../state/notices.ts'
import { useView } from '../state/view.ts'
import { queryClient } from './queries.ts'

const RETRY_MS = 500

/** Does what the app around the window asks for, for as long as the window lives. */
export async function followDesktop(): Promise<never> {
  for (;;) {
    try {
      const requests = desktop.requests({ language: i18next.language === 'ko' ? 'ko' : 'en' })
      // What changed while nobody listened was told to nobody.
      void queryClient.invalidateQueries({ queryKey: ['desktop'] })
      for await (const request of requests) handle(request)
    } catch {
      // The stream broke: what was asked meanwhile waits.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

function handle(request: DesktopRequest): void {
  const { show } = useView.getState()
  const dialogs = useDialog.getState()
  switch (request.type) {
    case 'open':
      show('images')
      void importArchive(request.path)
      break
    case 'link':
      void openLink(request.link)
      break
    case 'action':
      ACTIONS[request.action]()
      break
    case 'page':
      show(request.page)
      break
    case 'ask-quit':
      dialogs.show({ type: 'quit', running: request.running })
      break
    case 'stopping':
      dialogs.show({ type: 'stopping', running: request.running })
      break
    case 'trouble': {
      const { kind, container, values } = request
      reportTrouble(container, i18next.t(`notice.${kind}.title`, values), i18next.t(`notice.${kind}.text`, values))
      break
    }
    case 'crashed':
      useNotices.getState().showCrash(request.report)
      break
    case 'changed':
      void queryClient.invalidateQueries({ queryKey: ['desktop', request.what] })
      break
  }
}

/** What the application menu does. */
const ACTIONS: Readonly<Record<MenuAction, () => void>> = {
  run: () => useDialog.getState().show({ type: 'run', image: '' }),
  pull: () => useDialog.getState().show({ type: 'pull' }),
  shortcuts: () => useDialog.getState().show({ type: 'shortcuts' }),
  import: pickArchives,
  palette: openSpotlight,
  settings: () => useView.getState().showSubject('general'),
  log: () => useView.getState().showSubject('log'),
  doctor: () => useView.getState().showSubject('doctor'),
}

const PAGE_OF = { container: 'containers', image: 'images', network: 'networks', volume: 'volumes' } as const

/** Shows what a link names, or opens a filled-in dialog; a link never does more. */
async function openLink(link: DesktopLink): Promise<void> {
  if ('image' in link) {
    useDialog.getState().show({ type: link.type, image: link.image, isFromLink: true })
    return
  }
  try {
    const id = await idOf(link.type, link.name)
    useView.getState().reveal(PAGE_OF[link.type], id)
  } catch (error) {
    reportFailure(i18next.t('link.failed', { name: link.name }), error)
    useView.getState().show('activity')
  }
}

async function idOf(type: keyof typeof PAGE_OF, name: string): Promise<string> {
  switch (type) {
    case 'container':
      return (await api.container.inspect({ id: name })).id
    case 'image':
      return (await api.image.inspect({ id: name })).id
    case 'network':
      return (await api.network.inspect({ id: name })).id
    case 'volume':
      return namedVolume(name)
  }
}

async function namedVolume(name: string): Promise<string> {
  const volumes = await api.volume.list({})
  if (volumes.some((volume) => volume.name === name)) return name
  throw new EngineError('notFound', 'volume.none', `volume "${name}": no such volume`)
}
