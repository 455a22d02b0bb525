import { create } from 'zustand'
import { persist } from 'zustand/middleware'

interface Preferences {
  /** Terminals keep a text of what they show that a screen reader can follow; it costs some speed. */
  readonly hasScreenReader: boolean
  setScreenReader(value: boolean): void
}

/** What a person has set for this window alone; it is kept over restarts. */
export const usePreferences = create<Preferences>()(
  persist(
    (set) => ({
      hasScreenReader: false,
      setScreenReader: (hasScreenReader) => set({ hasScreenReader }),
    }),
    { name: 'preferences' },
  ),
)
