import i18next from 'i18next'
import { create } from 'zustand'
import { useShallow } from 'zustand/react/shallow'
import type { CaptureProgress } from '../../engine/contract/capture.ts'
import type { ContainerSummary } from '../../engine/contract/container.ts'
import { EngineError } from '../../engine/contract/errors.ts'
import type { ImportProgress, PullProgress, PushProgress, SaveProgress } from '../../engine/contract/image.ts'
import { api, desktop } from '../api/client.ts'
import { errorText } from '../api/error-text.ts'
import { formatBytes } from '../lib/format.ts'
import { fromKept, toKept } from './kept-activity.ts'
import { type NextStep, nextSteps, type Work } from './next-step.ts'

const KEPT_ITEMS = 200
/** What changes within this time is kept with one write. */
const GATHER_MS = 200

type LayeredProgress = ImportProgress | PullProgress | PushProgress
type Progress = LayeredProgress | SaveProgress
/** A layer's way through an import, a pull or a push. */
export interface LayerProgress {
  readonly state: Extract<LayeredProgress, { type: 'layer' }>['state']
  readonly currentBytes: number
  readonly totalBytes: number
}
/** Something that was done or went wrong: a transfer of an image, a command that failed, a container that failed by itself. */
export interface Activity {
  readonly id: string
  readonly kind: 'import' | 'pull' | 'push' | 'save' | 'capture' | 'failure'
  readonly startedAt: string
  readonly title: string
  readonly state: 'running' | 'done' | 'failed'
  readonly message: string
  readonly layers: Readonly<Record<string, LayerProgress>>
  readonly reference: string
  /** Id of the container that it is about; `''` for none. */
  readonly about: string
  /** What was asked for, where it can be asked again. */
  readonly work?: Work | undefined
  /** What a person can do about its failure. */
  readonly steps: readonly NextStep[]
  /** Of an earlier window. */
  readonly isPast: boolean
  readonly cancel?: (() => void) | undefined
}
interface ActivityState {
  readonly items: readonly Activity[]
  dismiss(id: string): void
  dismissDone(): void
}

export const useActivity = create<ActivityState>((set) => ({
  items: [],
  dismiss: (id) => set(({ items }) => ({ items: items.filter((item) => item.id !== id) })),
  dismissDone: () => set(({ items }) => ({ items: items.filter(({ state }) => state === 'running') })),
}))

/** The oldest go, those that went well before what failed; what runs stays. */
function shorten(items: readonly Activity[]): readonly Activity[] {
  const going = new Set<Activity>()
  for (const state of ['done', 'failed'] as const)
    for (const item of items.toReversed())
      if (item.state === state && items.length - going.size > KEPT_ITEMS) going.add(item)
  return going.size === 0 ? items : items.filter((item) => !going.has(item))
}

const change = (id: string, part: Partial<Activity>) =>
  useActivity.setState(({ items }) => ({ items: items.map((item) => (item.id === id ? { ...item, ...part } : item)) }))
const add = (
  item: Pick<Activity, 'kind' | 'title' | 'state' | 'message' | 'cancel' | 'work'> &
    Partial<Pick<Activity, 'about' | 'steps'>>,
): string => {
  const id = crypto.randomUUID()
  const startedAt = new Date().toISOString()
  const started: Activity = { about: '', steps: [], ...item, id, layers: {}, reference: '', isPast: false, startedAt }
  useActivity.setState(({ items }) => ({ items: shorten([started, ...items]) }))
  return id
}

/** Goes on with the list of the window before this one, and keeps it for the next. */
export async function keepActivity(): Promise<void> {
  const past = fromKept(await desktop.activity({}).catch(() => ''), i18next.t('interrupted'))
  useActivity.setState(({ items }) => ({ items: shorten([...items, ...past]) }))
  let isStale = false
  const keep = () => {
    isStale = false
    // A disk that is full keeps nobody from reading the list while the window lives.
    desktop.keepActivity({ text: toKept(useActivity.getState().items) }).catch(() => {})
  }
  const outline = (items: readonly Activity[]) => items.map(({ id, state }) => `${id} ${state}`).join()
  useActivity.subscribe(({ items }, before) => {
    // Progress alone is not worth a write: it comes many times a second.
    if (isStale || outline(items) === outline(before.items)) return
    isStale = true
    setTimeout(keep, GATHER_MS)
  })
}

/** Keeps a failure until somebody dismisses it. */
export function reportFailure(title: string, error: unknown, work?: Work): void {
  add({ kind: 'failure', title, state: 'failed', ...explain(error, work), work })
}

/** Keeps what went wrong with a container while nobody asked anything of it. Said again, it takes the place of what was said before. */
export function reportTrouble(container: string, title: string, message: string): void {
  const isSame = (item: Activity) => item.kind === 'failure' && item.about === container && item.title === title
  useActivity.setState(({ items }) => ({ items: items.filter((item) => !isSame(item)) }))
  add({
    kind: 'failure',
    title,
    state: 'failed',
    message,
    about: container,
    steps: [{ type: 'container', id: container }],
  })
}

const explain = (error: unknown, work: Work | undefined): Pick<Activity, 'message' | 'steps'> => ({
  message: errorText(error),
  steps: nextSteps(EngineError.from(error), work),
})

/** Lets work go on by itself; a failure of it is kept until somebody dismisses it. */
export function reportFailureOf(title: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => reportFailure(title, error))
}

/** Imports an archive and tells its progress layer by layer. */
export const importArchive = (path: string): Promise<void> =>
  follow({ type: 'import', path }, path.split('/').at(-1) ?? path, api.image.importArchive({ path }))

/** Pulls an image from its registry. */
export const pullImage = (reference: string): Promise<void> =>
  follow({ type: 'pull', reference }, reference, api.image.pull({ reference }))

/** Pushes an image to the registry that its name begins with. */
export const pushImage = (reference: string): Promise<void> =>
  follow({ type: 'push', reference }, reference, api.image.push({ reference }))

/** Writes an image to an archive on this machine. */
export const saveImage = (reference: string, path: string): Promise<void> =>
  follow({ type: 'save', reference, path }, path, api.image.save({ ids: [reference], path }))

/** Records an interface of a container until somebody stops it, and keeps the file. */
export async function recordPackets(
  { id: container, name }: ContainerSummary,
  request: { readonly interface: string; readonly path: string; readonly limitBytes: number },
): Promise<void> {
  const stream = api.capture.start({ container, ...request })
  const id = add({
    kind: 'capture',
    title: request.path,
    state: 'running',
    message: '',
    about: container,
    cancel: () => stream.send({ type: 'stop' }),
  })
  try {
    for await (const progress of stream) {
      const { state } = progress
      const end = state === 'running' ? '' : ` · ${i18next.t(`capture.end.${state}`, { name })}`
      change(id, { message: `${countPackets(progress)}${end}` })
    }
    change(id, { state: 'done', cancel: undefined })
  } catch (error) {
    change(id, { state: 'failed', message: errorText(error), cancel: undefined })
  }
}

function countPackets({ packets, bytes, dropped }: CaptureProgress): string {
  const lost = dropped > 0 ? ` · ${i18next.t('capture.dropped', { count: dropped })}` : ''
  return `${i18next.t('capture.packets', { count: packets })} · ${formatBytes(bytes)}${lost}`
}

/** The captures of a container that run. */
export const useCaptures = (containerId: string): readonly Activity[] =>
  useActivity(useShallow(({ items }) => items.filter((item) => isCapture(item, containerId))))
const isCapture = ({ kind, state, about }: Activity, containerId: string) =>
  kind === 'capture' && state === 'running' && about === containerId

async function follow(
  work: Exclude<Work, { type: 'container' }>,
  title: string,
  stream: AsyncIterable<Progress> & { close(): void },
): Promise<void> {
  const id = add({ kind: work.type, title, work, state: 'running', message: '', cancel: () => stream.close() })
  try {
    for await (const progress of stream) apply(id, progress)
    const isDone = useActivity.getState().items.find((item) => item.id === id)?.reference !== ''
    if (isDone) change(id, { state: 'done', message: '', cancel: undefined })
    else {
      const cancelled = { message: i18next.t('cancelled'), steps: [{ type: 'repeat' as const, work }] }
      change(id, { state: 'failed', ...cancelled, cancel: undefined })
    }
  } catch (error) {
    change(id, { state: 'failed', ...explain(error, work), cancel: undefined })
  }
}

const titleOf = (id: string) => useActivity.getState().items.find((item) => item.id === id)?.title ?? ''

function apply(id: string, progress: Progress): void {
  if ('isDone' in progress) applySave(id, progress)
  else applyLayers(id, progress)
}

function applySave(id: string, { isDone, writtenBytes }: SaveProgress): void {
  change(id, isDone ? { message: '', reference: titleOf(id) } : { message: formatBytes(writtenBytes) })
}

function applyLayers(id: string, progress: LayeredProgress): void {
  if (progress.type === 'pushed') change(id, { reference: `${titleOf(id)}@${progress.digest}` })
  if (progress.type === 'image') change(id, { reference: progress.references[0] ?? progress.id })
  if (progress.type !== 'layer') return
  const item = useActivity.getState().items.find((one) => one.id === id)
  const { layer, state, currentBytes, totalBytes } = progress
  change(id, { layers: { ...item?.layers, [layer]: { state, currentBytes, totalBytes } } })
}
