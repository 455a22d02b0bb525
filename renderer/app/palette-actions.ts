import type { TFunction } from 'i18next'
import type { ContainerSummary } from '../../engine/contract/container.ts'
import type { ImageSummary } from '../../engine/contract/image.ts'
import type { NetworkSummary } from '../../engine/contract/network.ts'
import { act, askRemove, canDo, openDock, type Verb } from '../features/containers/actions.ts'
import { askRemove as askRemoveImages, nameOfImage } from '../features/images/actions.ts'
import { pickArchives } from '../features/images/first-image.tsx'
import { askPruneNetworks, askRemoveNetworks, canRemove, unusedOf } from '../features/networks/actions.ts'
import { askRemove as askRemoveVolumes } from '../features/volumes/actions.ts'
import { useDialog } from '../state/dialog.ts'
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
}

const VERBS: readonly Verb[] = ['start', 'unpause', 'stop', 'restart', 'pause', 'kill']

/** Every object and every action that can be done to it now, the window's own first. */
export function paletteActions(objects: PaletteObjects, t: TFunction): readonly PaletteAction[] {
  return [
    ...windowActions(t),
    ...pruneActions(objects, t),
    ...objects.containers.flatMap((container) => containerActions(container, t)),
    ...objects.images.flatMap((image) => imageActions(image, t)),
    ...objects.volumes.flatMap((volume) => volumeActions(volume, t)),
    ...objects.networks.flatMap((network) => networkActions(network, t)),
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

function windowActions(t: TFunction): readonly PaletteAction[] {
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
    window('shortcuts', t('keyboard'), () => useDialog.getState().show({ type: 'shortcuts' })),
    ...SUBJECTS.map((subject) =>
      window(`settings-${subject}`, `${t('page.settings')}: ${t(`settings.${subject}`)}`, () =>
        useView.getState().showSubject(subject),
      ),
    ),
    ...PAGES.map(({ page }) => window(`page-${page}`, t(`page.${page}`), () => useView.getState().show(page))),
  ]
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
    action('edit', t('verb.edit'), () => useDialog.getState().show({ type: 'edit', container })),
    action('rename', t('verb.rename'), () => useDialog.getState().show({ type: 'rename', container })),
    action('remove', t('verb.remove'), () => askRemove([container])),
  ]
}

function imageActions(image: ImageSummary, t: TFunction): readonly PaletteAction[] {
  const name = nameOfImage(image)
  return [
    goTo({ page: 'images', id: image.id, name }, t),
    {
      id: `image-run-${image.id}`,
      label: `${t('run')}: ${name}`,
      description: t('page.images'),
      keywords: image.references.join(' '),
      onClick: () => useDialog.getState().show({ type: 'run', image: image.references[0] ?? image.id }),
    },
    { ...removal({ page: 'images', id: image.id, name }, t), onClick: () => askRemoveImages([image]) },
  ]
}

function volumeActions({ name }: { readonly name: string }, t: TFunction): readonly PaletteAction[] {
  const place = { page: 'volumes', id: name, name } as const
  return [goTo(place, t), { ...removal(place, t), onClick: () => askRemoveVolumes([{ name }]) }]
}

function networkActions(network: NetworkSummary, t: TFunction): readonly PaletteAction[] {
  const place = { page: 'networks', id: network.id, name: network.name } as const
  const remove = { ...removal(place, t), onClick: () => askRemoveNetworks([network]) }
  return [goTo(place, t), ...(canRemove(network) ? [remove] : [])]
}

function pruneActions({ networks }: PaletteObjects, t: TFunction): readonly PaletteAction[] {
  if (unusedOf(networks).length === 0) return []
  const onClick = () => askPruneNetworks(networks)
  const label = t('networks.prune')
  return [{ id: 'networks-prune', label, description: t('page.networks'), keywords: 'prune', onClick }]
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
