import { create } from 'zustand'
import type { ContainerSummary } from '../../engine/contract/container.ts'

/** The dialog that is open, if any. */
export type Dialog =
  | {
      readonly type: 'run'
      readonly image: string
      /** A link of another program filled it in. */
      readonly isFromLink?: boolean
    }
  | { readonly type: 'shortcuts' }
  /** Of a page, which shows it. */
  | { readonly type: 'create-network' | 'create-volume' | 'login' }
  | { readonly type: 'connect'; readonly networkId: string }
  | { readonly type: 'pull'; readonly image?: string; readonly isFromLink?: boolean }
  | { readonly type: 'quit' | 'stopping'; readonly running: number }
  | { readonly type: 'tag'; readonly id: string; readonly name: string }
  | { readonly type: 'edit'; readonly container: ContainerSummary }
  | { readonly type: 'capture'; readonly container: ContainerSummary }
  | { readonly type: 'rename'; readonly container: ContainerSummary }
  | {
      readonly type: 'confirm'
      readonly title: string
      /** What will be lost. */
      readonly text: string
      /** Names of what goes, where there may be many. */
      readonly items?: readonly string[]
      readonly verb: string
      readonly act: () => Promise<unknown>
    }

interface DialogState {
  readonly dialog: Dialog | null
  show(dialog: Dialog): void
  close(): void
}

export const useDialog = create<DialogState>((set) => ({
  dialog: null,
  show: (dialog) => set({ dialog }),
  close: () => set({ dialog: null }),
}))
