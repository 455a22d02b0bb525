import { create } from 'zustand'
import type { PAGE_NAMES } from '../../engine/contract/desktop.ts'

export type Page = (typeof PAGE_NAMES)[number]

/** What the settings are about. */
export const SUBJECTS = ['general', 'desktop', 'docker', 'doctor', 'log'] as const
export type Subject = (typeof SUBJECTS)[number]

interface ViewState {
  readonly page: Page
  /** The part of the settings that is shown. */
  readonly subject: Subject
  /** What the top bar's box narrows the list to. */
  readonly filter: string
  /** Id of the object whose detail pane is open, by page. */
  readonly opened: Readonly<Partial<Record<Page, string>>>
  show(page: Page): void
  showSubject(subject: Subject): void
  setFilter(text: string): void
  /** Opens the detail pane of an object, or closes it when it is open. */
  open(page: Page, id: string): void
  /** Shows a page with the detail pane of an object open. */
  reveal(page: Page, id: string): void
}

/** Where the user is. */
export const useView = create<ViewState>((set) => ({
  page: 'containers',
  subject: 'general',
  filter: '',
  opened: {},
  showSubject: (subject) => set({ page: 'settings', subject, filter: '' }),
  show: (page) => set({ page, filter: '' }),
  setFilter: (filter) => set({ filter }),
  open: (page, id) => set(({ opened }) => ({ opened: { ...opened, [page]: opened[page] === id ? '' : id } })),
  reveal: (page, id) => set(({ opened }) => ({ page, filter: '', opened: { ...opened, [page]: id } })),
}))
