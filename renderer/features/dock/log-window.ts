import type { LogLine } from '../../../engine/contract/container.ts'
import { api } from '../../api/client.ts'

const KEPT_LINES = 4000
const PAGE_LINES = 500

/** What is on the screen of a log: a window of lines, never the whole. */
export interface LogState {
  readonly lines: readonly LogLine[]
  readonly hasOlder: boolean
  /** Whether the newest line is in the window and new ones come in. */
  readonly isFollowing: boolean
  readonly error: unknown
}
/** A window onto a container's log that can be moved. */
export interface LogWindow {
  readonly get: () => LogState
  readonly subscribe: (listener: () => void) => () => void
  /** Loads the page before the first line and lets the newest go. Answers how many lines came. */
  readonly older: () => Promise<number>
  /** Goes to the newest lines and follows. */
  readonly toEnd: () => Promise<void>
  readonly search: (text: string) => Promise<void>
  readonly close: () => void
}

const EMPTY: LogState = { lines: [], hasOlder: false, isFollowing: true, error: null }

/** Opens the window at the end of the log and follows it. */
export function openLogWindow(id: string): LogWindow {
  let state = EMPTY
  let wanted = ''
  let stream: ReturnType<typeof api.container.logFollow> | undefined
  let isClosed = false
  let isLoading = false
  const listeners = new Set<() => void>()
  const set = (part: Partial<LogState>) => {
    state = { ...state, ...part }
    for (const listener of listeners) listener()
  }
  const page = (before?: number) =>
    api.container.logWindow({ id, tail: PAGE_LINES, search: wanted, ...(before === undefined ? {} : { before }) })
  const stop = () => {
    stream?.close()
    stream = undefined
  }
  const follow = async (from: number) => {
    const mine = api.container.logFollow({ id, from })
    stream = mine
    for await (const batch of mine) {
      if (stream !== mine) return
      const fresh = wanted ? batch.filter(({ text }) => text.includes(wanted)) : batch
      if (fresh.length === 0) continue
      const lines = [...state.lines, ...fresh]
      set({ lines: lines.slice(-KEPT_LINES), hasOlder: state.hasOlder || lines.length > KEPT_LINES })
      // One batch a frame: a container that prints without end must not starve the screen.
      await new Promise(requestAnimationFrame)
    }
  }
  const toEnd = async () => {
    stop()
    try {
      const { lines, hasOlder, endOffset } = await page()
      if (isClosed) return
      set({ lines, hasOlder, isFollowing: true, error: null })
      await follow(endOffset)
    } catch (error) {
      if (!isClosed) set({ error, isFollowing: false })
    }
  }
  const older = async () => {
    const first = state.lines[0]
    if (isLoading || !state.hasOlder || !first) return 0
    isLoading = true
    stop()
    try {
      const { lines, hasOlder } = await page(first.offset)
      const merged = [...lines, ...state.lines]
      set({ lines: merged.slice(0, KEPT_LINES), hasOlder, isFollowing: false })
      return lines.length
    } catch (error) {
      if (!isClosed) set({ error, isFollowing: false })
      return 0
    } finally {
      isLoading = false
    }
  }
  void toEnd()
  return {
    get: () => state,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    older,
    toEnd,
    search: (text) => {
      wanted = text
      return toEnd()
    },
    close: () => {
      isClosed = true
      stop()
    },
  }
}
