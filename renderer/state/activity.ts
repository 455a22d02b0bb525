import i18next from 'i18next'
import { create } from 'zustand'
import type { ImportProgress } from '../../engine/contract/image.ts'
import { api } from '../api/client.ts'
import { errorText } from '../api/error-text.ts'

const KEPT_ITEMS = 200

/** A layer's way through an import. */
export interface LayerProgress {
  readonly state: 'waiting' | 'unpacking' | 'done' | 'exists'
  readonly currentBytes: number
  readonly totalBytes: number
}
/** Something the window did: an import, or a command that failed. */
export interface Activity {
  readonly id: string
  readonly kind: 'import' | 'failure'
  readonly startedAt: string
  readonly title: string
  readonly state: 'running' | 'done' | 'failed'
  readonly message: string
  readonly layers: Readonly<Record<string, LayerProgress>>
  readonly reference: string
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

const change = (id: string, part: Partial<Activity>) =>
  useActivity.setState(({ items }) => ({ items: items.map((item) => (item.id === id ? { ...item, ...part } : item)) }))
const add = (item: Pick<Activity, 'kind' | 'title' | 'state' | 'message' | 'cancel'>): string => {
  const id = crypto.randomUUID()
  const started = { ...item, id, layers: {}, reference: '', startedAt: new Date().toISOString() }
  useActivity.setState(({ items }) => ({ items: [started, ...items].slice(0, KEPT_ITEMS) }))
  return id
}

/** Keeps a failure until somebody dismisses it. */
export function reportFailure(title: string, error: unknown): void {
  add({ kind: 'failure', title, state: 'failed', message: errorText(error) })
}

/** Imports an archive and tells its progress layer by layer. */
export async function importArchive(path: string): Promise<void> {
  const stream = api.image.importArchive({ path })
  const title = path.split('/').at(-1) ?? path
  const id = add({ kind: 'import', title, state: 'running', message: '', cancel: () => stream.close() })
  try {
    for await (const progress of stream) apply(id, progress)
    const isDone = useActivity.getState().items.find((item) => item.id === id)?.reference !== ''
    change(id, { state: isDone ? 'done' : 'failed', message: isDone ? '' : i18next.t('cancelled'), cancel: undefined })
  } catch (error) {
    change(id, { state: 'failed', message: errorText(error), cancel: undefined })
  }
}

function apply(id: string, progress: ImportProgress): void {
  if (progress.type === 'image') change(id, { reference: progress.references[0] ?? progress.id })
  if (progress.type !== 'layer') return
  const item = useActivity.getState().items.find((one) => one.id === id)
  const { layer, state, currentBytes, totalBytes } = progress
  change(id, { layers: { ...item?.layers, [layer]: { state, currentBytes, totalBytes } } })
}
