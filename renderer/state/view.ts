import { create } from 'zustand'

export type Page = 'containers' | 'images' | 'activity'
/** A tab of the dock: it lives until it is closed, whatever page is shown. */
export interface DockTab {
  readonly key: string
  readonly kind: 'exec' | 'attach' | 'logs'
  readonly containerId: string
  readonly title: string
}
interface ViewState {
  readonly page: Page
  readonly tabs: readonly DockTab[]
  readonly activeTab: string
  /** Reference to run, `''` for any, or `null` when the form is closed. */
  readonly runImage: string | null
  show(page: Page): void
  openTab(tab: Omit<DockTab, 'key'>): void
  activateTab(key: string): void
  closeTab(key: string): void
  openRun(image: string | null): void
}

/** What only the screen knows. */
export const useView = create<ViewState>((set) => ({
  page: 'containers',
  tabs: [],
  activeTab: '',
  runImage: null,
  show: (page) => set({ page }),
  openTab: (tab) => {
    const key = crypto.randomUUID()
    set(({ tabs }) => ({ tabs: [...tabs, { ...tab, key }], activeTab: key }))
  },
  activateTab: (activeTab) => set({ activeTab }),
  closeTab: (key) =>
    set(({ tabs, activeTab }) => {
      const left = tabs.filter((tab) => tab.key !== key)
      return { tabs: left, activeTab: activeTab === key ? (left.at(-1)?.key ?? '') : activeTab }
    }),
  openRun: (runImage) => set({ runImage }),
}))
