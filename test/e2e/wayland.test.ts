import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  type RunningApp,
  takePicture,
  terminalText,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'
import { hasWeston, startWeston, type WaylandSession } from '../helpers/weston.ts'

const why = (() => {
  if (!process.env['SLIPWAY_ELECTRON']) return 'SLIPWAY_ELECTRON names no Electron (npm test sets it)'
  return hasWeston ? '' : 'there is no weston'
})()
if (why) process.stderr.write(`wayland skipped: ${why}\n`)

/** How the desktop entry of the package starts the app. */
const { linux } = parse(readFileSync(path.resolve('electron-builder.yml'), 'utf8')) as {
  linux: { executableArgs: readonly string[] }
}

describe.skipIf(why !== '')('the app in a Wayland session', () => {
  const home = makeHome()
  let session: WaylandSession
  let running: RunningApp
  const page = (): Page => running.page

  beforeAll(async () => {
    session = await startWeston(home.session)
    running = await launchApp(home, [...linux.executableArgs, '--force-device-scale-factor=2'], session.env)
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running, () => session?.stop())
  }, 60_000)

  test('its window is one of the session’s, at the scale of the screen', async () => {
    // Connections that the compositor has taken; the line of the socket that listens has no inode of a peer.
    const lines = readFileSync('/proc/net/unix', 'utf8').split('\n')
    expect(lines.filter((line) => line.endsWith(session.socket)).length).toBeGreaterThan(1)
    expect(await page().evaluate(() => window.devicePixelRatio)).toBe(2)
    const size = await page().evaluate(() => [window.innerWidth, window.innerHeight])
    expect(size[0]).toBeGreaterThanOrEqual(900)
    expect(size[1]).toBeGreaterThanOrEqual(500)
  })

  test('the main job is done as everywhere', async () => {
    await makeStarter(page())
    await page().getByTestId('run-open').first().click()
    await page().getByTestId('run-name').fill('web')
    await page().getByTestId('run-command').fill('sh -c "echo ready; exec sleep 1000"')
    await page().getByTestId('run-submit').click()
    const row = page().locator('[data-name=web][data-status=running]')
    await row.waitFor()
    await row.getByTestId('row-logs').click()
    await page().getByTestId('log-view').getByText('ready').waitFor()
    await row.getByTestId('row-terminal').click()
    await page().getByTestId('terminal').waitFor()
    await page().keyboard.type('echo $((6 * 7))\n')
    await waitUntil(async () => /^42$/m.test(await terminalText(page())), 'an answer of the shell')
    await takePicture(page(), 'wayland')
  })
})
