import type { DesktopSettings, UpdateState } from '../engine/contract/desktop.ts'
import type { AppLog } from '../engine/log.ts'
import type { Requests } from './requests.ts'
import type { Settings } from './settings.ts'
import { whyFailed } from './update-failure.ts'

/** Updates of the app: found, fetched and verified by themselves, put in place only when a person says so. */
export interface Updates {
  state(): UpdateState
  /** Looks for a newer version and fetches it. What fails is in the state. */
  check(): Promise<void>
  /** Ends the app, containers going on, and starts the version that is ready. */
  install(): void
  /** Looks once a day from now on, where that is wanted. */
  start(): void
}

/** What finds, verifies and fetches versions. */
export interface Updater {
  /** The newer version at an address; empty for none. */
  find(url: string): Promise<string>
  /** Fetches what was found last. */
  fetch(signal: AbortSignal): Promise<void>
  /** The last thing that the app does. */
  install(): void
}

export interface UpdatesOptions {
  readonly settings: Settings
  readonly onSettings: (listener: (settings: DesktopSettings) => void) => void
  readonly requests: Pick<Requests, 'send'>
  readonly log: Pick<AppLog, 'log'>
  /** Whether this build has a key to verify updates with. */
  readonly hasKey: boolean
  /** Whether it runs from a package, which a newer one can replace. */
  readonly hasPackage: boolean
  readonly openUpdater: (onPercent: (percent: number) => void) => Promise<Updater>
  readonly leave: (last: () => void) => void
}

const DAY_MS = 24 * 60 * 60 * 1000
const FIRST_LOOK_MS = 60_000
/** A server that falls silent in the middle of a package would hold up every later look. */
const SILENCE_MS = 2 * 60_000
const NOTHING: Omit<UpdateState, 'state' | 'reason'> = { version: '', percent: 0, error: '', checkedAt: '' }

/** Updates from the address in the settings, believed only when signed with the key of this build. */
export function createUpdates(options: UpdatesOptions): Updates {
  const { settings, requests, log } = options
  let updater: Promise<Updater> | undefined
  let ready: Updater | undefined
  let run = new AbortController()
  let running: Promise<void> | undefined
  let hear = () => {}
  let url = settings.get().updates.url
  let state: UpdateState = { ...NOTHING, ...offOrIdle(url, options) }
  const set = (change: Partial<UpdateState>) => {
    state = { ...state, ...change }
    requests.send({ type: 'changed', what: 'update' })
  }
  options.onSettings(({ updates }) => {
    if (updates.url === url) return
    url = updates.url
    // What the old address has begun, or has brought, is no longer wanted.
    run.abort()
    ready = undefined
    set({ ...NOTHING, ...offOrIdle(url, options) })
  })
  const open = () => {
    updater ??= options.openUpdater((percent) => {
      hear()
      if (state.state === 'downloading') set({ percent })
    })
    // One that could not be opened is tried again.
    updater.catch(() => {
      updater = undefined
    })
    return updater
  }
  /** Fetches what was found for as long as something comes. */
  const fetchSteadily = async (using: Updater, signal: AbortSignal) => {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), SILENCE_MS)
    hear = () => void timer.refresh()
    try {
      await using.fetch(AbortSignal.any([signal, silence.signal]))
    } catch (error) {
      if (silence.signal.aborted) throw new Error('the server stopped sending the package: look again later')
      throw error
    } finally {
      clearTimeout(timer)
      hear = () => {}
    }
  }
  /** Looks at one address. One that is no longer wanted says nothing more. */
  const look = async (signal: AbortSignal) => {
    const say = (change: Partial<UpdateState>) => {
      if (!signal.aborted) set({ ...change, checkedAt: new Date().toISOString() })
    }
    try {
      const using = await open()
      const version = signal.aborted ? '' : await using.find(url)
      if (signal.aborted) return
      if (!version) return say({ state: 'current' })
      set({ state: 'downloading', version })
      await fetchSteadily(using, signal)
      if (signal.aborted) return
      ready = using
      say({ state: 'ready', percent: 100 })
    } catch (error) {
      log.log.warn({ error: String(error) }, 'update refused')
      say({ state: 'failed', error: whyFailed(error) })
    }
  }
  const check = async () => {
    // What is ready waits for a person, and nothing that fails now may take it away.
    if (['off', 'checking', 'downloading', 'ready'].includes(state.state)) return running
    run = new AbortController()
    const { signal } = run
    set({ ...NOTHING, state: 'checking' })
    // A run that was given up may still be on its way out.
    running = (running ?? Promise.resolve()).then(() => look(signal))
    return running
  }
  const checkDaily = () => void (settings.get().updates.isDaily && check())
  return {
    state: () => state,
    check,
    install() {
      const version = ready
      if (version) options.leave(() => version.install())
    },
    start() {
      setTimeout(checkDaily, FIRST_LOOK_MS).unref()
      setInterval(checkDaily, DAY_MS).unref()
    },
  }
}

function offOrIdle(
  url: string,
  { hasKey, hasPackage }: Pick<UpdatesOptions, 'hasKey' | 'hasPackage'>,
): Pick<UpdateState, 'state' | 'reason'> {
  if (!hasKey) return { state: 'off', reason: 'no-key' }
  if (!hasPackage) return { state: 'off', reason: 'no-package' }
  if (url === '') return { state: 'off', reason: 'no-address' }
  return { state: 'idle', reason: '' }
}
