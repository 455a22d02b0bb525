import path from 'node:path'
import { parseArgs } from 'node:util'
import { app } from 'electron'
import { loadConfig } from '../engine/config.ts'
import { registerScheme } from './app-window.ts'
import { startDesktop } from './desktop.ts'

const { values } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: {
    root: { type: 'string' },
    'runtime-dir': { type: 'string' },
    /** Chromium's own: where the app keeps what is this desktop's. */
    'user-data-dir': { type: 'string' },
    /** File of the key that signs updates; only for an app that is not packaged. */
    'update-key': { type: 'string' },
  },
})
const text = (value: unknown) => (typeof value === 'string' ? value : undefined)

registerScheme()

if (app.requestSingleInstanceLock()) {
  const keeperFile = path.join(import.meta.dirname, '../keeper/keeper.mjs').replace('app.asar/', 'app.asar.unpacked/')
  startDesktop({
    config: loadConfig({ keeperFile, root: text(values['root']), runtimeDir: text(values['runtime-dir']) }),
    updateKeyFile: text(values['update-key']),
    keptArgs: (['root', 'runtime-dir', 'user-data-dir'] as const).flatMap((name) => {
      const value = text(values[name])
      return value ? [`--${name}=${path.resolve(value)}`] : []
    }),
  })
} else app.quit()
