import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { _electron } from '@playwright/test'
import { proportionalMiB } from './processes.ts'

const MAIN = `const { app, BrowserWindow } = require('electron')
app.whenReady().then(() => new BrowserWindow().loadURL('data:text/html,empty'))`

/** Memory of the main process of an Electron app with one empty window, in MiB: what an app weighs before it does anything. */
export async function emptyElectronMiB(base: string): Promise<number> {
  const folder = path.join(base, 'empty')
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'package.json'), '{"name":"empty","main":"main.cjs"}')
  writeFileSync(path.join(folder, 'main.cjs'), MAIN)
  const app = await _electron.launch({
    executablePath: process.env['SLIPWAY_ELECTRON'] as string,
    args: [folder, '--no-sandbox', `--user-data-dir=${path.join(base, 'empty-user')}`],
  })
  const page = await app.firstWindow()
  await page.waitForTimeout(5000)
  const weight = proportionalMiB(app.process().pid as number)
  await app.close()
  return weight
}
