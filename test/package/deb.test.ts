import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../helpers/engine.ts'
import { launchPackaged, type PackagedApp } from '../helpers/packaged-app.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const USER = 'slipway-test'
const hasUser = spawnSync('id', [USER]).status === 0
const why = (() => {
  if (process.getuid?.() !== 0) return 'only root installs packages'
  if (!process.env['DISPLAY']) return 'there is no display'
  if (spawnSync('dpkg', ['-s', 'slipway']).status === 0) return 'a slipway package is installed here already'
  return hasUser ? '' : `there is no user ${USER} (npm test makes it)`
})()
if (why) process.stderr.write(`package skipped: ${why}\n`)

const MINUTE = 60_000

/** An ordinary user on a machine where nothing but the package was installed. */
describe.skipIf(why !== '')('the Debian package', () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slp-'))
  const home = path.join(base, 'home')
  const runtime = path.join(base, 'run')
  let manager: ChildProcess
  let app: PackagedApp | undefined
  let page: Page

  const asUser = (command: string, ...args: string[]) =>
    spawn(
      'setpriv',
      [`--reuid=${USER}`, `--regid=${USER}`, '--init-groups', '--inh-caps=-all', '--', command, ...args],
      {
        stdio: 'ignore',
        env: {
          PATH: process.env['PATH'],
          DISPLAY: process.env['DISPLAY'],
          HOME: home,
          USER,
          XDG_RUNTIME_DIR: runtime,
        },
      },
    )
  const ended = (child: ChildProcess) =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve(child.exitCode)
      : new Promise<number | null>((resolve) => child.once('exit', resolve))
  const launch = async () => {
    app = await launchPackaged((...args) => asUser('/usr/bin/slipway', ...args), path.join(home, '.config/Slipway'))
    page = app.page
  }
  const quit = async () => {
    await app?.quit()
    app = undefined
  }
  const apt = (...args: string[]) =>
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-qq', '-y', '--no-install-recommends', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  const packageOf = (version: string) => {
    const output = path.join(base, version)
    execFileSync(process.execPath, ['scripts/dist.mjs', '--version', version, '--output', output], {
      cwd: ROOT,
      stdio: 'ignore',
    })
    const arch = execFileSync('dpkg', ['--print-architecture']).toString().trim()
    return path.join(output, `slipway_${version}_${arch}.deb`)
  }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own syntax
  const installed = () => execFileSync('dpkg-query', ['-W', '-f', '${Version}', 'slipway']).toString()
  const read = (port: number) =>
    fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then((response) => response.text())
  let port = 0
  let before: string[] = []

  beforeAll(async () => {
    for (const folder of [home, runtime]) mkdirSync(folder, { recursive: true, mode: 0o700 })
    execFileSync('chown', ['-R', `${USER}:`, base])
    manager = asUser('openbox')
    apt('update')
    before = namedAfterUs()
    apt('install', packageOf('1.0.0'))
  }, 5 * MINUTE)
  afterAll(async () => {
    await quit().catch(() => {})
    manager?.kill()
    if (spawnSync('dpkg', ['-s', 'slipway']).status === 0) apt('purge', 'slipway')
    rmSync(base, { recursive: true, force: true })
  }, MINUTE)

  test(
    'an ordinary user starts it and does the main job',
    async () => {
      expect(installed()).toBe('1.0.0')
      await launch()
      expect(await page.getByTestId('engine-state').innerText()).toContain('rootless')
      await page.getByTestId('starter-create').first().click()
      await page.getByTestId('nav-images').getByText('1').waitFor()
      await page.getByTestId('run-open').first().click()
      await page.getByTestId('run-name').fill('web')
      await page
        .getByTestId('run-command')
        .fill('sh -c "mkdir /www; echo shipped > /www/index.html; echo ready; exec httpd -f -p 80 -h /www"')
      await page.getByTestId('run-ports-add').click()
      await page.getByLabel('Port in the container').fill('80')
      await page.getByTestId('run-submit').click()
      const row = page.locator('[data-name=web][data-status=running]')
      await row.waitFor()
      port = Number(/(\d+)→80/.exec(await row.innerText())?.[1])
      await waitUntil(async () => (await read(port).catch(() => '')) === 'shipped\n', 'an answer of the container')
      await row.getByTestId('row-logs').click()
      await page.getByTestId('log-view').getByText('ready').waitFor()
    },
    MINUTE,
  )

  test(
    'an upgrade leaves the container running, and the new version finds it',
    async () => {
      apt('install', packageOf('1.0.1'))
      expect(installed()).toBe('1.0.1')
      expect(await read(port)).toBe('shipped\n')
      await quit()
      expect(await read(port)).toBe('shipped\n')
      await launch()
      await page.locator('[data-name=web][data-status=running]').waitFor()
      expect(await read(port)).toBe('shipped\n')
    },
    2 * MINUTE,
  )

  test(
    'removing it leaves the user’s data and nothing else',
    async () => {
      await quit()
      const stop = asUser('env', 'ELECTRON_RUN_AS_NODE=1', '/usr/bin/slipway', engineFile, '--shutdown')
      expect(await ended(stop)).toBe(0)
      const brought = lines('dpkg', '-L', 'slipway')
      expect(brought).toContain(desktopFile)
      apt('purge', 'slipway')
      // A folder that others have too is theirs.
      const isOthers = (file: string) => spawnSync('dpkg', ['-S', file], { stdio: 'ignore' }).status === 0
      expect(brought.filter((file) => existsSync(file) && file !== '/.' && !isOthers(file))).toEqual([])
      expect(namedAfterUs()).toEqual(before)
      expect(existsSync(path.join(home, '.local/share/slipway/images'))).toBe(true)
      expect(await read(port).catch(() => 'closed')).toBe('closed')
    },
    MINUTE,
  )
})

const lines = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .split('\n')
    .filter(Boolean)
    .sort()

/** What of the system, not of a user, is named after the app: also what a script of the package has made. */
const namedAfterUs = () =>
  lines(
    'sh',
    '-c',
    "find /etc /usr /opt /var /run -path /var/log -prune -o -iname '*slipway*' -print 2>/dev/null || true",
  )

const engineFile = '/usr/lib/slipway/resources/app.asar/out/main/engine.js'
const desktopFile = '/usr/share/applications/slipway.desktop'
