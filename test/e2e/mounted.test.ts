import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  leaveNothing,
  makeHome,
  makeStarter,
  quitApp,
  type RunningApp,
  startApp,
  whyNoWindow,
  windowOf,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'

const why = whyNoWindow() || (process.getuid?.() === 0 ? '' : 'only root mounts folders')

/** Electron leaves its own resources open to whoever it starts: more than the engine alone does (test/integration/survival). */
describe.skipIf(why !== '')('an app that runs from a mounted image', () => {
  const home = makeHome()
  const electron = process.env['SLIPWAY_ELECTRON'] as string
  const mount = path.join(home.base, 'mount')
  let running: RunningApp | undefined
  const isMounted = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mount} `)

  afterAll(async () => {
    if (isMounted()) execFileSync('umount', ['-l', mount])
    await leaveNothing(home, running)
  }, 60_000)

  test('lets go of it when it ends, and its containers go on', async () => {
    mkdirSync(mount)
    execFileSync('mount', ['--bind', path.dirname(electron), mount])
    const env = { APPDIR: mount, APPIMAGE: path.join(home.base, 'Slipway.AppImage') }
    const app = await startApp(home, [], env, path.join(mount, path.basename(electron)))
    running = { app, page: await app.firstWindow() }
    // The first start copies the program before it starts the keeper.
    await running.page.locator('[data-testid=engine-state][data-ready=true]').waitFor({ timeout: 60_000 })
    running = await windowOf(app)
    const { page } = running
    await makeStarter(page)
    await page.getByTestId('run-open').first().click()
    await page.getByTestId('run-name').fill('steady')
    await page.getByTestId('run-command').fill('sleep 100000')
    await page.getByTestId('run-submit').click()
    await page.locator('[data-name=steady][data-status=running]').waitFor()
    await quitApp(running)
    running = undefined
    // Helpers of the browser end a moment after it. Then not lazily: nothing may hold it.
    await waitUntil(() => holdersOf(mount).length === 0, 'nobody in the image').catch(() => {})
    expect(holdersOf(mount)).toEqual([])
    execFileSync('umount', [mount])
    const [shim] = findShims(home.base)
    expect(shim).toContain('conmon')
  }, 120_000)
})

/** Open files, programs and working folders below a folder, with the process that has them. */
function holdersOf(folder: string): string[] {
  const read = (file: string) => {
    try {
      return readlinkSync(file)
    } catch {
      return ''
    }
  }
  return pids().flatMap((pid) => {
    const base = `/proc/${pid}`
    const files = [...['exe', 'cwd', 'root'], ...descriptors(base).map((fd) => `fd/${fd}`)]
    return files.flatMap((file) => {
      const target = read(`${base}/${file}`)
      return target === folder || target.startsWith(`${folder}/`) ? [`${pid} ${file} ${target}`] : []
    })
  })
}
const pids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name))
function descriptors(base: string): string[] {
  try {
    return readdirSync(`${base}/fd`)
  } catch {
    return []
  }
}
const findShims = (word: string) =>
  pids().flatMap((pid) => {
    const file = `/proc/${pid}/cmdline`
    const line = existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\0', ' ') : ''
    return line.includes('conmon') && line.includes(word) ? [line] : []
  })
