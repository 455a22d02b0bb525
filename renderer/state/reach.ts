import { create } from 'zustand'

interface ReachState {
  readonly isOpen: boolean
  /** Ids of containers; `''` while none is chosen. */
  readonly from: string
  readonly to: string
  /** Asks about one container, and the other if it is known. */
  open(from: string, to?: string): void
  close(): void
  choose(end: 'from' | 'to', id: string): void
  swap(): void
  /** Adds a container to the pair: the first becomes `from`, the next `to`, and a third takes the second's place. */
  add(id: string): void
}

/** Which two containers the question is about. */
export const useReach = create<ReachState>((set) => ({
  isOpen: false,
  from: '',
  to: '',
  open: (from, to = '') => set({ isOpen: true, from, to }),
  close: () => set({ isOpen: false, from: '', to: '' }),
  choose: (end, id) => set({ [end]: id }),
  swap: () => set(({ from, to }) => ({ from: to, to: from })),
  add: (id) => set(({ from }) => (from === '' || from === id ? { isOpen: true, from: id } : { isOpen: true, to: id })),
}))
