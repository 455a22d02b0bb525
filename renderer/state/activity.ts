import { create } from 'zustand'
import { EngineError } from '../../engine/contract/errors.ts'
import type { ImportProgress } from '../../engine/contract/image.ts'
import { api } from '../api/client.ts'

/** A layer's way through an import. */
export interface LayerProgress {
  readonly state: 'waiting' | 'unpacking' | 'done' | 'exists'
  readonly currentBytes: number
  readonly totalBytes: number
}
/** Something the window did: an import, or a command that failed. */
export interface Activity {
  readonly id: string
  readonly title: string
  readonly state: 'running' | 'done' | 'failed'
  readonly message: string
  readonly layers: Readonly<Record<string, LayerProgress>>
  readonly reference: string
  readonly cancel?: () => void
}
interface ActivityState {
  readonly items: readonly Activity[]
  dismiss(id: string): void
}

export const useActivity = create<ActivityState>((set) => ({
  items: [],
  dismiss: (id) => set(({ items }) => ({ items: items.filter((item) => item.id !== id) })),
}))

const change = (id: string, part: Partial<Activity>) =>
  useActivity.setState(({ items }) => ({ items: items.map((item) => (item.id === id ? { ...item, ...part } : item)) }))
const add = (item: Activity) => useActivity.setState(({ items }) => ({ items: [item, ...items].slice(0, 200) }))

/** Keeps a failure until somebody dismisses it. */
export function reportFailure(title: string, error: unknown): void {
  const { message } = EngineError.from(error)
  add({ id: crypto.randomUUID(), title, state: 'failed', message, layers: {}, reference: '' })
}

/** Imports an archive and tells its progress layer by layer. */
export async function importArchive(path: string): Promise<void> {
  const id = crypto.randomUUID()
  const stream = api.image.importArchive({ path })
  add({
    id,
    title: path.split('/').at(-1) ?? path,
    state: 'running',
    message: '',
    layers: {},
    reference: '',
    cancel: () => stream.close(),
  })
  try {
    for await (const progress of stream) apply(id, progress)
    const isDone = useActivity.getState().items.find((item) => item.id === id)?.reference !== ''
    change(id, { state: isDone ? 'done' : 'failed', message: isDone ? '' : 'cancelled', cancel: undefined })
  } catch (error) {
    change(id, { state: 'failed', message: EngineError.from(error).message, cancel: undefined })
  }
}

function apply(id: string, progress: ImportProgress): void {
  if (progress.type === 'image') change(id, { reference: progress.references[0] ?? progress.id })
  if (progress.type !== 'layer') return
  const item = useActivity.getState().items.find((one) => one.id === id)
  const { layer, state, currentBytes, totalBytes } = progress
  change(id, { layers: { ...item?.layers, [layer]: { state, currentBytes, totalBytes } } })
}
