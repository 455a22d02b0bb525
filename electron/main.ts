import path from 'node:path'
import { app } from 'electron'
import { loadConfig } from '../engine/config.ts'
import { registerScheme } from './app-window.ts'
import { optionsIn } from './arguments.ts'
import { startDesktop } from './desktop.ts'

const options = optionsIn(process.argv)

registerScheme()

if (app.requestSingleInstanceLock()) {
  const keeperFile = path.join(import.meta.dirname, '../keeper/keeper.mjs').replace('app.asar/', 'app.asar.unpacked/')
  startDesktop({
    config: loadConfig({ keeperFile, root: options.root, runtimeDir: options['runtime-dir'] }),
    updateKeyFile: options['update-key'],
    keptArgs: (['root', 'runtime-dir', 'user-data-dir'] as const).flatMap((name) => {
      const value = options[name]
      return value ? [`--${name}=${path.resolve(value)}`] : []
    }),
  })
} else app.quit()
