import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { launchApp, makeHome, quitApp, type RunningApp, shutDown, whyNoWindow } from '../helpers/app.ts'
import { busyboxArchive } from '../helpers/docker.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

describe.skipIf(whyNoWindow() !== '')('files that the desktop opens', () => {
  const home = makeHome()
  let running: RunningApp | undefined
  const image = (reference: string) =>
    running?.page.locator(`[data-testid=image-row][data-reference="${reference}"]`).waitFor()

  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  })

  test('an archive on the command line is imported, and a second launch gives its own to the first', async () => {
    mkdirSync(home.base, { recursive: true })
    const [first, second] = [path.join(home.base, 'first.tar'), path.join(home.base, 'second.tar')]
    writeFileSync(first, await busyboxArchive(['opened/first:1']))
    writeFileSync(second, await busyboxArchive(['opened/second:1'], { applets: ['sh'] }))
    running = await launchApp(home, [first])
    await image('opened/first:1')
    const again = spawn(
      process.env['SLIPWAY_ELECTRON'] as string,
      [
        ROOT,
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        `--user-data-dir=${path.join(home.base, 'user')}`,
        second,
      ],
      { stdio: 'ignore' },
    )
    await once(again, 'exit')
    await image('opened/second:1')
    expect(running.app.windows()).toHaveLength(1)
  })

  test('the window comes back where it was', async () => {
    if (!running) throw new Error('the first test has not launched the app')
    const bounds = { x: 60, y: 70, width: 1000, height: 700 }
    await running.app.evaluate(
      ({ BrowserWindow }, wanted) => BrowserWindow.getAllWindows()[0]?.setBounds(wanted),
      bounds,
    )
    await quitApp(running)
    running = await launchApp(home)
    const found = await running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.getBounds())
    expect(found).toMatchObject({ width: bounds.width, height: bounds.height })
  })
})
