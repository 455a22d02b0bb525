import { readFileSync } from 'node:fs'
import path from 'node:path'
import { app } from 'electron'
import type { AppUpdater } from 'electron-updater'
import type { DesktopSettings, UpdateState } from '../engine/contract/desktop.ts'
import type { AppLog } from '../engine/log.ts'
import { isPackaged, updateKey } from './paths.ts'
import type { Requests } from './requests.ts'
import type { Settings } from './settings.ts'
import { writeWhole } from './write-file.ts'

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

export interface UpdatesOptions {
  readonly settings: Settings
  readonly onSettings: (listener: (settings: DesktopSettings) => void) => void
  readonly requests: Requests
  readonly log: AppLog
  readonly keyFile: string | undefined
  readonly leave: (last: () => void) => void
}

const DAY_MS = 24 * 60 * 60 * 1000
const FIRST_LOOK_MS = 60_000
const NOTHING: Omit<UpdateState, 'state' | 'reason'> = { version: '', percent: 0, error: '', checkedAt: '' }

/** Updates by electron-updater from the address in the settings, believed only when signed with the key of this build. */
export function createUpdates(options: UpdatesOptions): Updates {
  const { settings, requests, log } = options
  const key = readKey(options.keyFile)
  let updater: AppUpdater | undefined
  let state: UpdateState = { ...NOTHING, ...offOrIdle(settings.get(), key) }
  const set = (change: Partial<UpdateState>) => {
    state = { ...state, ...change }
    requests.send({ type: 'changed', what: 'update' })
  }
  options.onSettings((next) => {
    const { url } = next.updates
    if (url !== lastUrl) set({ ...NOTHING, ...offOrIdle(next, key) })
    lastUrl = url
  })
  let lastUrl = settings.get().updates.url

  const check = async () => {
    if (state.state === 'off' || state.state === 'checking' || state.state === 'downloading') return
    set({ ...NOTHING, state: 'checking' })
    try {
      updater ??= await openUpdater({ log, set })
      const { createSignedFeed } = await import('./signed-feed.ts')
      updater.setFeedURL(createSignedFeed(settings.get().updates.url, key))
      const result = await updater.checkForUpdates()
      if (!result?.isUpdateAvailable) return set({ state: 'current', checkedAt: new Date().toISOString() })
      set({ state: 'downloading', version: result.updateInfo.version })
      await updater.downloadUpdate()
      set({ state: 'ready', percent: 100, checkedAt: new Date().toISOString() })
    } catch (error) {
      log.log.warn({ error: String(error) }, 'update refused')
      set({ state: 'failed', error: messageOf(error), checkedAt: new Date().toISOString() })
    }
  }
  const checkDaily = () => void (settings.get().updates.isDaily && check())
  return {
    state: () => state,
    check,
    install() {
      const ready = state.state === 'ready' ? updater : undefined
      if (!ready) return
      options.leave(() => {
        // The new version finds the old one gone: engine, lock and window.
        app.releaseSingleInstanceLock()
        ready.quitAndInstall(false, true)
      })
    },
    start() {
      setTimeout(checkDaily, FIRST_LOOK_MS).unref()
      setInterval(checkDaily, DAY_MS).unref()
    },
  }
}

function offOrIdle({ updates }: DesktopSettings, key: string): Pick<UpdateState, 'state' | 'reason'> {
  if (key === '') return { state: 'off', reason: 'no-key' }
  if (updates.url === '') return { state: 'off', reason: 'no-address' }
  return { state: 'idle', reason: '' }
}

/** The key of this build. A folder of sources has none of its own and may be given one. */
function readKey(keyFile: string | undefined): string {
  try {
    return readFileSync(isPackaged || !keyFile ? updateKey : keyFile, 'utf8')
  } catch {
    return ''
  }
}

async function openUpdater(parts: {
  readonly log: AppLog
  readonly set: (change: Partial<UpdateState>) => void
}): Promise<AppUpdater> {
  const { default: updaters } = await import('electron-updater')
  const updater = updaters.autoUpdater
  const { log } = parts.log
  const say = (level: 'info' | 'warn' | 'error') => (message?: unknown) =>
    log[level]({ part: 'updater' }, String(message))
  updater.logger = { info: say('info'), warn: say('warn'), error: say('error') }
  updater.autoDownload = false
  updater.autoInstallOnAppQuit = false
  updater.allowDowngrade = false
  updater.forceDevUpdateConfig = !isPackaged
  // Packages are made without an address; electron-updater wants a file that names its cache.
  const configFile = path.join(app.getPath('userData'), 'updater.yml')
  writeWhole(configFile, 'provider: generic\nurl: https://localhost\nupdaterCacheDirName: slipway-updater\n')
  updater.updateConfigPath = configFile
  updater.on('download-progress', ({ percent }) => parts.set({ percent: Math.floor(percent) }))
  // What fails rejects the call too.
  updater.on('error', () => {})
  return updater
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
