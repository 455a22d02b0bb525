import type { TFunction } from 'i18next'
import type { ContainerSummary } from '../../engine/contract/container.ts'
import type { ImageSummary } from '../../engine/contract/image.ts'
import type { NetworkSummary } from '../../engine/contract/network.ts'
import { desktop } from '../api/client.ts'
import { act, askRemove, canDo, openDock, type Verb } from '../features/containers/actions.ts'
import type { Theme } from '../features/desktop/use-theme.ts'
import { measureAndAsk } from '../features/disk/clean-up.ts'
import { askRemove as askRemoveImages, nameOfImage, pickAndSave } from '../features/images/actions.ts'
import { pickArchives } from '../features/images/first-image.tsx'
import { askPruneNetworks, askRemoveNetworks, canConnect, canRemove, unusedOf } from '../features/networks/actions.ts'
import { logOut, testLogin } from '../features/registries/actions.ts'
import { projectOf } from '../features/topology/graph.ts'
import { projectActs } from '../features/topology/project-acts.ts'
import { askRemove as askRemoveVolumes } from '../features/volumes/actions.ts'
import { pushImage, reportFailureOf } from '../state/activity.ts'
import { type Dialog, useDialog } from '../state/dialog.ts'
import { useReach } from '../state/reach.ts'
import { type Page, SUBJECTS, useView } from '../state/view.ts'
import { PAGES } from './pages.ts'

/** One line of the palette. `keywords` are found too but not shown. */
export interface PaletteAction {
  readonly id: string
  readonly label: string
  readonly description: string
  readonly keywords: string
  readonly onClick: () => void
}

/** What the palette speaks of, as the engine has it now. */
export interface PaletteObjects {
  readonly containers: readonly ContainerSummary[]
  readonly images: readonly ImageSummary[]
  readonly volumes: readonly { readonly name: string }[]
  readonly networks: readonly NetworkSummary[]
  readonly logins: readonly { readonly host: string }[]
}

const VERBS: readonly Verb[] = ['start', 'unpause', 'stop', 'restart', 'pause', 'kill']

/** Every object and every action that can be done to it now, the window's own first. */
export function paletteActions(
  objects: PaletteObjects,
  t: TFunction,
  setTheme: (theme: Theme) => void,
): readonly PaletteAction[] {
  return [
    ...windowActions(t, setTheme),
    ...pruneActions(objects, t),
    ...objects.containers.flatMap((container) => containerActions(container, t)),
    ...projectActions(objects.containers, t),
    ...objects.images.flatMap((image) => imageActions(image, t)),
    ...objects.volumes.flatMap((volume) => volumeActions(volume, t)),
    ...objects.networks.flatMap((network) => networkActions(network, t)),
    ...objects.logins.flatMap(({ host }) => loginActions(host, t)),
  ]
}

/** The actions that hold every word of what was typed, those whose label begins with it first. */
export function matchActions(actions: readonly PaletteAction[], typed: string): readonly PaletteAction[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const text = ({ label, description, keywords }: PaletteAction) => `${label} ${description} ${keywords}`.toLowerCase()
  const found = actions.filter((action) => words.every((word) => text(action).includes(word)))
  const isFirst = ({ label }: PaletteAction) => label.toLowerCase().startsWith(words[0] ?? '')
  return [...found.filter(isFirst), ...found.filter((action) => !isFirst(action))]
}

function windowActions(t: TFunction, setTheme: (theme: Theme) => void): readonly PaletteAction[] {
  const window = (id: string, label: string, onClick: () => void): PaletteAction => ({
    id,
    label,
    description: '',
    keywords: '',
    onClick,
  })
  return [
    window('run', t('runTitle'), () => useDialog.getState().show({ type: 'run', image: '' })),
    window('pull', t('pull.open'), () => useDialog.getState().show({ type: 'pull' })),
    window('import', t('import'), pickArchives),
    window('create-volume', t('createVolume'), () => showOn('volumes', { type: 'create-volume' })),
    window('create-network', t('networks.create'), () => showOn('networks', { type: 'create-network' })),
    window('login', `${t('registries.login')}: ${t('page.registries')}`, () => showOn('registries', { type: 'login' })),
    window('update', `${t('update.title')}: ${t('update.check')}`, () =>
      reportFailureOf(t('update.check'), desktop.checkUpdate({})),
    ),
    window('quit', t('menu.quit'), () => reportFailureOf(t('menu.quit'), desktop.quit({}))),
    window('shortcuts', t('keyboard'), () => useDialog.getState().show({ type: 'shortcuts' })),
    ...SUBJECTS.map((subject) =>
      window(`settings-${subject}`, `${t('page.settings')}: ${t(`settings.${subject}`)}`, () =>
        useView.getState().showSubject(subject),
      ),
    ),
    ...(['system', 'light', 'dark'] as const).map((theme) =>
      window(`theme-${theme}`, `${t('theme')}: ${t(`themes.${theme === 'system' ? 'auto' : theme}`)}`, () =>
        setTheme(theme),
      ),
    ),
    ...PAGES.map(({ page }) => window(`page-${page}`, t(`page.${page}`), () => useView.getState().show(page))),
  ]
}

/** Opens a dialog that a page has. */
function showOn(page: Page, dialog: Dialog): void {
  useView.getState().show(page)
  useDialog.getState().show(dialog)
}

function containerActions(container: ContainerSummary, t: TFunction): readonly PaletteAction[] {
  const { id, name, image } = container
  const action = (verb: string, label: string, onClick: () => void): PaletteAction => ({
    id: `container-${verb}-${id}`,
    label: `${label}: ${name}`,
    description: t('page.containers'),
    keywords: `${image} ${id} ${name}`,
    onClick,
  })
  return [
    goTo({ page: 'containers', id, name }, t),
    action('logs', t('logs'), () => openDock('logs', container)),
    ...(canDo('exec', container) ? [action('exec', t('terminal'), () => openDock('exec', container))] : []),
    ...(canDo('attach', container) ? [action('attach', t('attach'), () => openDock('attach', container))] : []),
    ...VERBS.filter((verb) => canDo(verb, container)).map((verb) =>
      action(verb, t(`verb.${verb}`), () => void act(verb, [container])),
    ),
    action('reach', t('path.ask'), () => {
      useView.getState().show('topology')
      useReach.getState().open(id)
    }),
    ...(canDo('exec', container) && container.networkMode !== 'host'
      ? [action('capture', t('capture.ask'), () => useDialog.getState().show({ type: 'capture', container }))]
      : []),
    action('copy', t('copyId'), () => void navigator.clipboard.writeText(id)),
    action('edit', t('verb.edit'), () => useDialog.getState().show({ type: 'edit', container })),
    action('rename', t('verb.rename'), () => useDialog.getState().show({ type: 'rename', container })),
    action('remove', t('verb.remove'), () => askRemove([container])),
  ]
}

/** What can be done to all containers of a Compose project at once. */
function projectActions(containers: readonly ContainerSummary[], t: TFunction): readonly PaletteAction[] {
  const names = [...new Set(containers.map(projectOf).filter(Boolean))]
  return names.flatMap((name) =>
    projectActs({ name, containers: containers.filter((one) => projectOf(one) === name) })
      // Unfolding is the picture's own.
      .filter(({ key, isDisabled }) => key !== 'unfold' && !isDisabled)
      .map(({ key, run }) => ({
        id: `project-${key}-${name}`,
        label: `${t(`topology.project.${key}`)}: ${name}`,
        description: t('page.containers'),
        keywords: 'compose',
        onClick: run,
      })),
  )
}

function imageActions(image: ImageSummary, t: TFunction): readonly PaletteAction[] {
  const name = nameOfImage(image)
  const { show } = useDialog.getState()
  const action = (verb: string, label: string, onClick: () => void): PaletteAction => ({
    id: `image-${verb}-${image.id}`,
    label: `${label}: ${name}`,
    description: t('page.images'),
    keywords: image.references.join(' '),
    onClick,
  })
  return [
    goTo({ page: 'images', id: image.id, name }, t),
    action('run', t('run'), () => show({ type: 'run', image: image.references[0] ?? image.id })),
    action('tag', t('pull.tag'), () => show({ type: 'tag', id: image.id, name })),
    ...(image.references.length > 0 ? [action('push', t('pull.push'), () => void pushImage(name))] : []),
    action('save', t('saveImage'), () => void pickAndSave(image)),
    { ...removal({ page: 'images', id: image.id, name }, t), onClick: () => askRemoveImages([image]) },
  ]
}

function volumeActions({ name }: { readonly name: string }, t: TFunction): readonly PaletteAction[] {
  const place = { page: 'volumes', id: name, name } as const
  return [goTo(place, t), { ...removal(place, t), onClick: () => askRemoveVolumes([{ name }]) }]
}

function loginActions(host: string, t: TFunction): readonly PaletteAction[] {
  const action = (verb: string, label: string, onClick: () => void): PaletteAction => ({
    id: `login-${verb}-${host}`,
    label: `${label}: ${host}`,
    description: t('page.registries'),
    keywords: '',
    onClick,
  })
  const test = () => {
    useView.getState().show('registries')
    void testLogin(host, t)
  }
  return [action('test', t('registries.test'), test), action('logout', t('registries.logout'), () => logOut(host, t))]
}

function networkActions(network: NetworkSummary, t: TFunction): readonly PaletteAction[] {
  const place = { page: 'networks', id: network.id, name: network.name } as const
  const remove = { ...removal(place, t), onClick: () => askRemoveNetworks([network]) }
  const action = (verb: string, label: string, onClick: () => void): PaletteAction => ({
    id: `network-${verb}-${network.id}`,
    label: `${label}: ${network.name}`,
    description: t('page.networks'),
    keywords: network.id,
    onClick,
  })
  const connect = () => showOn('networks', { type: 'connect', networkId: network.id })
  return [
    goTo(place, t),
    ...(canConnect(network) ? [action('connect', t('networks.connect'), connect)] : []),
    action('copy', t('copyId'), () => void navigator.clipboard.writeText(network.id)),
    ...(canRemove(network) ? [remove] : []),
  ]
}

const CLEAN_UPS = ['dangling', 'unused', 'containers', 'volumes'] as const

function pruneActions({ networks }: PaletteObjects, t: TFunction): readonly PaletteAction[] {
  const prune = (id: string, label: string, page: Page, onClick: () => void): PaletteAction => ({
    id,
    label,
    description: t(`page.${page}`),
    keywords: 'prune',
    onClick,
  })
  return [
    ...CLEAN_UPS.map((what) =>
      prune(
        `prune-${what}`,
        `${t('disk.cleanUpVerb')}: ${t(`disk.${what}`)}`,
        'disk',
        () => void measureAndAsk(what, t),
      ),
    ),
    ...(unusedOf(networks).length > 0
      ? [prune('networks-prune', t('networks.prune'), 'networks', () => askPruneNetworks(networks))]
      : []),
  ]
}

interface Place {
  readonly page: Page
  readonly id: string
  readonly name: string
}

const removal = ({ page, id, name }: Place, t: TFunction): Omit<PaletteAction, 'onClick'> => ({
  id: `${page}-remove-${id}`,
  label: `${t('verb.remove')}: ${name}`,
  description: t(`page.${page}`),
  keywords: id,
})

function goTo({ page, id, name }: Place, t: TFunction): PaletteAction {
  const onClick = () => useView.getState().reveal(page, id)
  return { id: `open-${page}-${id}`, label: name, description: t(`page.${page}`), keywords: id, onClick }
}
