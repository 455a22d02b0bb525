import { create } from 'zustand'

/** A tab of the dock: it lives until it is closed, whatever page is shown. */
export interface DockTab {
  readonly key: string
  readonly kind: 'exec' | 'attach' | 'logs'
  readonly containerId: string
  readonly title: string
}
interface DockState {
  readonly tabs: readonly DockTab[]
  readonly activeKey: string
  /** In pixels. */
  readonly height: number
  open(tab: Omit<DockTab, 'key'>): void
  activate(key: string): void
  close(key: string): void
  resize(height: number): void
}
const SMALLEST = 120

/** The terminals and logs at the bottom of the window. */
export const useDock = create<DockState>((set) => ({
  tabs: [],
  activeKey: '',
  height: 300,
  open: (tab) => {
    const key = crypto.randomUUID()
    set(({ tabs }) => {
      const same = tab.kind === 'logs' && tabs.find((one) => one.kind === 'logs' && one.containerId === tab.containerId)
      return same ? { activeKey: same.key } : { tabs: [...tabs, { ...tab, key }], activeKey: key }
    })
  },
  activate: (activeKey) => set({ activeKey }),
  close: (key) =>
    set(({ tabs, activeKey }) => {
      const left = tabs.filter((tab) => tab.key !== key)
      return { tabs: left, activeKey: activeKey === key ? (left.at(-1)?.key ?? '') : activeKey }
    }),
  resize: (height) => set({ height: Math.round(Math.max(SMALLEST, Math.min(height, window.innerHeight - 200))) }),
}))
