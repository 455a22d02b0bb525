import { create } from 'zustand'
import type { CrashReport } from '../../engine/contract/desktop.ts'

interface NoticesState {
  /** The newest crash that nobody has dismissed. */
  readonly crash: CrashReport | null
  /** The version whose notice was dismissed. */
  readonly dismissedVersion: string
  showCrash(report: CrashReport): void
  dismissCrash(): void
  dismissVersion(version: string): void
}

/** What the window says above its page. */
export const useNotices = create<NoticesState>((set) => ({
  crash: null,
  dismissedVersion: '',
  showCrash: (crash) => set({ crash }),
  dismissCrash: () => set({ crash: null }),
  dismissVersion: (dismissedVersion) => set({ dismissedVersion }),
}))
