import { type ChildProcess, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  type RunningApp,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'
import { askApi } from '../helpers/survival/api.ts'
import { startUpdateFeed, type UpdateFeed } from '../helpers/update-feed.ts'

/** A kernel starts a script as it starts an AppImage; this one says how it was started. */
const programThatWrites = (file: string, word: string) =>
  Buffer.from(`#!/bin/sh\necho ${word} "$@" >> '${file}'\n# ${'padding '.repeat(20_000)}\n`)

/**
 * Updates from a real server, by electron-updater as it is. The app runs from its sources and is told of a file that it
 * was started from, as the runtime of an AppImage would; that file is what an update replaces.
 */
describe.skipIf(whyNoWindow() !== '')('updates of the app', () => {
  const home = makeHome()
  const folder = path.join(home.base, 'apps')
  const appImage = path.join(folder, 'Slipway.AppImage')
  const starts = path.join(home.base, 'starts')
  const installed = programThatWrites(starts, 'installed')
  const newer = programThatWrites(starts, 'newer')
  let feed: UpdateFeed
  let running: RunningApp
  let container = ''
  const page = (): Page => running.page
  const state = (name: string) => page().locator(`[data-testid=update-state][data-state=${name}]`)
  const look = () => page().getByTestId('update-check').click()
  const checkedAt = () =>
    page().evaluate(async () => {
      const { slipway } = window as unknown as {
        slipway: { invoke(path: string, input: object): Promise<{ value: { checkedAt: string } }> }
      }
      return (await slipway.invoke('desktop.update', {})).value.checkedAt
    })
  const startsSeen = () => (existsSync(starts) ? readFileSync(starts, 'utf8') : '')
  const openSettings = async () => {
    await page().getByTestId('nav-settings').click()
    await page().getByTestId('settings-desktop').click()
  }
  const launch = async () => {
    running = await launchApp(home, [`--update-key=${feed.keyFile}`], { APPIMAGE: appImage })
  }
  const ended = (child: ChildProcess) => waitUntil(() => child.exitCode !== null || child.signalCode !== null)
  /** Everything that an update has put on this machine. */
  const kept = () => {
    const cache = path.join(home.base, 'cache/slipway-updater')
    if (!existsSync(cache)) return []
    return readdirSync(cache, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [entry.name] : [],
    )
  }
  /** Process and start of the container: it is the same one for as long as these are. */
  const steady = async () => {
    const { body } = await askApi(path.join(home.runtimeDir, 'docker.sock'), 'GET', '/containers/steady/json')
    const { State } = JSON.parse(body.toString()) as { State: { Status: string; Pid: number; StartedAt: string } }
    return `${State.Status} ${State.Pid} ${State.StartedAt}`
  }

  beforeAll(async () => {
    mkdirSync(folder)
    writeFileSync(appImage, installed, { mode: 0o755 })
    feed = await startUpdateFeed(path.join(home.base, 'feed'))
    await launch()
    await makeStarter(page())
    const socket = path.join(home.runtimeDir, 'docker.sock')
    const config = { Image: 'slipway/starter', Cmd: ['sleep', '100000'] }
    expect((await askApi(socket, 'POST', '/containers/create?name=steady', config)).status).toBe(201)
    expect((await askApi(socket, 'POST', '/containers/steady/start')).status).toBe(204)
    await openSettings()
    container = await steady()
    expect(container).toMatch(/^running [1-9]/)
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running, async () => feed?.close())
  }, 60_000)

  test('there are none until somebody names an address', async () => {
    await state('off').getByText('No address is set.').waitFor()
    await page().getByTestId('update-url').fill(feed.url)
    await page().getByTestId('update-url').press('Enter')
    await state('idle').waitFor()
  })

  describe('what is refused', () => {
    beforeEach(() => feed.publish('99.0.0', newer))
    const DESCRIPTION = '.yml'
    const SIGNATURE = '.sig'
    const PACKAGE = '.AppImage'

    test.each<[string, () => void, RegExp]>([
      ['an update without a signature', () => feed.fail(SIGNATURE, 'missing'), /not signed: there is no .*\.yml\.sig/],
      ['one that somebody else signed', () => feed.signWithAnotherKey(), /signature of the update is not good/],
      [
        'a description that was changed after it was signed',
        () => feed.change(DESCRIPTION, (text) => text.replace('99.0.0', '99.0.1')),
        /signature of the update is not good/,
      ],
      ['a signature that is none', () => feed.change(SIGNATURE, () => '<html>'), /signature of the update is not good/],
      ['an address with nothing there', () => feed.fail(DESCRIPTION, 'missing'), /there is no latest-linux.*address/],
      ['a server in trouble', () => feed.fail(DESCRIPTION, 'broken'), /latest-linux.*cannot be read.*500/],
      ['a description that is cut off', () => feed.fail(DESCRIPTION, 'cut'), /latest-linux.*the answer was cut off/],
      [
        'a signature that is cut off',
        () => feed.fail(SIGNATURE, 'cut'),
        /\.sig cannot be read.*the answer was cut off/,
      ],
      ['a server that falls silent', () => feed.fail(DESCRIPTION, 'silent'), /does not go on answering/],
      [
        'a package that is another than the signed one',
        () => feed.change(PACKAGE, (text) => text.replace('newer', 'other')),
        /package was not fetched: its checksum is not the signed one/,
      ],
      ['a package that is cut off', () => feed.fail(PACKAGE, 'cut'), /package was not fetched: the answer was cut off/],
      ['a package that cannot be had', () => feed.fail(PACKAGE, 'broken'), /package was not fetched: .*500/],
    ])('%s', async (_what, spoil, message) => {
      spoil()
      const before = await checkedAt()
      await look()
      // What the look before said stands there until this one has begun, and its time is empty until it is over.
      await waitUntil(async () => !['', before].includes(await checkedAt()), 'the end of the look', 40_000)
      await state('failed').getByTestId('update-error').filter({ hasText: message }).waitFor()
      expect(kept()).toEqual([])
      expect(await page().getByTestId('update-notice').count()).toBe(0)
      expect(readFileSync(appImage)).toEqual(installed)
      expect(await steady()).toBe(container)
    })
  })

  test('an older version is none, however well it is signed', async () => {
    feed.publish('0.0.1', newer)
    await look()
    await state('current').waitFor()
    expect(feed.asked.filter((name) => name.endsWith('.AppImage'))).toEqual([])
    expect(kept()).toEqual([])
  })

  test('a newer one is fetched, verified and offered, and nothing changes until a person says so', async () => {
    feed.publish('99.0.0', newer)
    await look()
    await state('ready').waitFor()
    await page().getByTestId('update-notice').getByText('Version 99.0.0 is here, verified, and ready.').waitFor()
    await takePicture(page(), 'update-ready')
    expect(kept()).toContain('Slipway-99.0.0.AppImage')
    expect(readFileSync(appImage)).toEqual(installed)
    expect(startsSeen()).toBe('')
    expect(await steady()).toBe(container)
  })

  test('one that cannot be put in place leaves the app as it was, and starts it again', async () => {
    // Neither root nor anybody else can take away a file that is a mount, or that lies in a folder of somebody else's.
    const isRoot = process.getuid?.() === 0
    if (isRoot) execFileSync('mount', ['--bind', appImage, appImage])
    else chmodSync(folder, 0o555)
    try {
      const child = running.app.process()
      await page().getByTestId('update-install').click()
      await ended(child)
      await waitUntil(() => startsSeen() !== '', 'the app started again')
    } finally {
      if (isRoot) execFileSync('umount', [appImage])
      else chmodSync(folder, 0o755)
    }
    expect(startsSeen()).toMatch(new RegExp(`^installed .*--root=${home.root}`))
    expect(readFileSync(appImage)).toEqual(installed)
    await launch()
    expect(await steady()).toBe(container)
  })

  test('one that was fetched before is not fetched again; put in place, it is started, and the container goes on', async () => {
    feed.asked.length = 0
    await openSettings()
    await look()
    await state('ready').waitFor()
    expect(feed.asked.filter((name) => name.endsWith('.AppImage'))).toEqual([])
    const child = running.app.process()
    await page().getByTestId('update-notice').getByRole('button').first().click()
    await ended(child)
    await waitUntil(() => startsSeen().includes('newer'), 'the new version')
    expect(readFileSync(appImage)).toEqual(newer)
    expect(statSync(appImage).mode & 0o777).toBe(0o755)
    await launch()
    expect(await steady()).toBe(container)
    expect(await page().getByTestId('crash-notice').count()).toBe(0)
  })
})
