import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { app } from 'electron'
import type { AppLog } from '../engine/log.ts'
import type { StartCommand } from './autostart.ts'
import { isPackaged, updateKey } from './paths.ts'
import { whyFailed } from './update-failure.ts'
import type { Updater } from './updates.ts'
import { writeWhole } from './write-file.ts'

/** The key of this build, as PEM; empty for none. A folder of sources has none of its own and may be given one. */
export function readKey(keyFile: string | undefined): string {
  try {
    return readFileSync(isPackaged || !keyFile ? updateKey : keyFile, 'utf8')
  } catch {
    return ''
  }
}

/** Whether the app runs from something that a newer package can take the place of; electron-updater asks the same two. */
export const hasPackage = (): boolean =>
  Boolean(process.env['APPIMAGE']) || existsSync(path.join(process.resourcesPath, 'package-type'))

/** electron-updater, that believes only what is signed with `key`. */
export async function openUpdater(options: {
  readonly log: AppLog
  readonly key: string
  /** Starts the app again as it is. */
  readonly command: StartCommand
  readonly onPercent: (percent: number) => void
}): Promise<Updater> {
  const { default: updaters } = await import('electron-updater')
  const { createSignedFeed } = await import('./signed-feed.ts')
  const updater = updaters.autoUpdater
  const { log } = options.log
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
  updater.on('download-progress', ({ percent }) => options.onPercent(Math.floor(percent)))
  // What fails rejects the call too.
  updater.on('error', () => {})
  return {
    async find(url) {
      updater.setFeedURL(createSignedFeed(url, options.key))
      const result = await updater.checkForUpdates()
      return result?.isUpdateAvailable ? result.updateInfo.version : ''
    },
    async fetch(signal) {
      const token = new updaters.CancellationToken()
      const cancel = () => token.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        if (!signal.aborted) await updater.downloadUpdate(token)
      } catch (error) {
        throw new Error(`the package was not fetched: ${whyFailed(error)}`, { cause: error })
      } finally {
        signal.removeEventListener('abort', cancel)
      }
    },
    install() {
      // The new version finds the old one gone: engine, lock and window.
      app.releaseSingleInstanceLock()
      let hasFailed = false
      updater.once('error', () => {
        hasFailed = true
      })
      updater.quitAndInstall(false, true)
      // A password that was not given, a folder that is not writable: a person is not left without the app.
      if (hasFailed) app.relaunch({ execPath: options.command.program, args: [...options.command.args] })
    },
  }
}
