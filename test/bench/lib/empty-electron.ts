import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { _electron } from '@playwright/test'
import { proportionalMiB } from './processes.ts'

const MAIN = `const { app, BrowserWindow } = require('electron')
app.whenReady().then(() => new BrowserWindow().loadURL('data:text/html,empty'))`

/** Starts an Electron app with one empty window, whose files are below `base`, and waits for that window. */
async function startEmpty(base: string) {
  const folder = path.join(base, 'empty')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{"name":"empty","main":"main.cjs"}')
  writeFileSync(path.join(folder, 'main.cjs'), MAIN)
  const app = await _electron.launch({
    executablePath: process.env['SLIPWAY_ELECTRON'] as string,
    args: [folder, '--no-sandbox', `--user-data-dir=${path.join(base, 'empty-user')}`],
  })
  return { app, page: await app.firstWindow() }
}

/** Memory of the main process of an Electron app with one empty window, in MiB: what an app weighs before it does anything. */
export async function emptyElectronMiB(base: string): Promise<number> {
  const { app, page } = await startEmpty(base)
  await page.waitForTimeout(5000)
  const weight = proportionalMiB(app.process().pid as number)
  await app.close()
  return weight
}

/** How long such an app takes to its window, in ms: the floor of every launch here, with the driver's own share. */
export async function emptyElectronLaunches(base: string, times: number): Promise<number[]> {
  const all: number[] = []
  for (let turn = 0; turn < times; turn += 1) {
    const started = performance.now()
    const { app } = await startEmpty(base)
    all.push(performance.now() - started)
    await app.close()
  }
  return all
}
