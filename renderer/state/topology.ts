import { create } from 'zustand'

const STORED = 'slipway.topology'
type Places = Readonly<Record<string, { readonly x: number; readonly y: number }>>

interface TopologyState {
  /** Where the user put nodes, by what the node stands for. */
  readonly places: Places
  readonly collapsed: readonly string[]
  readonly show: 'all' | 'exposed' | 'outgoing'
  readonly view: 'picture' | 'table'
  /** Everything is drawn and in full, whatever is in sight and however small: the picture is being saved. */
  readonly isWhole: boolean
  place(id: string, at: { readonly x: number; readonly y: number }): void
  forgetPlaces(): void
  toggleProject(name: string): void
  setShow(show: TopologyState['show']): void
  setView(view: TopologyState['view']): void
  setWhole(isWhole: boolean): void
}

const kept = (): { places: Places; collapsed: readonly string[] } => {
  try {
    return { places: {}, collapsed: [], ...JSON.parse(localStorage.getItem(STORED) ?? '{}') }
  } catch {
    return { places: {}, collapsed: [] }
  }
}

/** How the user has arranged the topology; it survives a restart. */
export const useTopology = create<TopologyState>((set) => ({
  ...kept(),
  show: 'all',
  view: 'picture',
  isWhole: false,
  place: (id, { x, y }) => set(({ places }) => ({ places: { ...places, [id]: { x, y } } })),
  forgetPlaces: () => set({ places: {} }),
  toggleProject: (name) =>
    set(({ collapsed }) => ({
      collapsed: collapsed.includes(name) ? collapsed.filter((one) => one !== name) : [...collapsed, name],
    })),
  setShow: (show) => set({ show }),
  setView: (view) => set({ view }),
  setWhole: (isWhole) => set({ isWhole }),
}))
useTopology.subscribe(({ places, collapsed }) => localStorage.setItem(STORED, JSON.stringify({ places, collapsed })))
