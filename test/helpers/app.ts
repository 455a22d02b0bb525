import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { _electron, type ElectronApplication, type Page } from '@playwright/test'
import { expect } from 'vitest'
import { waitUntil } from './engine.ts'
import { leftoversOf } from './leftovers.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const ARTIFACTS = path.join(ROOT, 'test/artifacts')

/** Why the window cannot be tested here, or `''`. */
export const whyNoWindow = (): string => {
  if (!process.env['SLIPWAY_ELECTRON']) return 'SLIPWAY_ELECTRON names no Electron (npm test sets it)'
  return process.env['DISPLAY'] ? '' : 'there is no display'
}

/** Folders of one app, kept over its restarts. */
export interface AppHome {
  readonly base: string
  readonly root: string
  readonly runtimeDir: string
  /** `$XDG_RUNTIME_DIR` and docker's own folder, so that a test offers and makes nothing in the user's name. */
  readonly session: string
  readonly dockerFolder: string
}
export function makeHome(): AppHome {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slw-'))
  const session = path.join(base, 'session')
  mkdirSync(session, { mode: 0o700 })
  const dockerFolder = path.join(base, 'docker')
  return { base, root: path.join(base, 'data'), runtimeDir: path.join(base, 'run'), session, dockerFolder }
}

export interface RunningApp {
  readonly app: ElectronApplication
  readonly page: Page
}

/** Starts the real app under the display of the suite and waits until its engine serves. */
export async function launchApp(
  home: AppHome,
  files: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningApp> {
  return windowOf(await startApp(home, files, env))
}

/** Starts the real app, and waits for nothing that it shows. */
export function startApp(
  home: AppHome,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  executablePath = process.env['SLIPWAY_ELECTRON'] as string,
): Promise<ElectronApplication> {
  keepSettings(home)
  return _electron.launch({
    executablePath,
    args: [ROOT, ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...appFolders(home), ...args],
    env: { ...appEnvironment(home), ...env },
    timeout: 30_000,
  })
}

/** The window of an app, once it shows that the engine serves. */
export async function windowOf(app: ElectronApplication): Promise<RunningApp> {
  const page = await app.firstWindow()
  page.setDefaultTimeout(15_000)
  await page.locator('[data-testid=engine-state][data-ready=true]').waitFor()
  return { app, page }
}

/** Makes the first image, as a newcomer does, and waits until it is there. */
export async function makeStarter(page: Page): Promise<void> {
  await page.getByTestId('starter-create').first().click()
  await page.getByTestId('nav-images').getByText('1').waitFor()
}

/** The app's folders as its options. */
export const appFolders = (home: AppHome): readonly string[] => [
  `--root=${home.root}`,
  `--runtime-dir=${home.runtimeDir}`,
  `--user-data-dir=${path.join(home.base, 'user')}`,
]

/** An environment in which the app touches nothing of the user's, and finds no session bus but one of the test's own. */
export const appEnvironment = (home: AppHome): Record<string, string> => {
  const { DBUS_SESSION_BUS_ADDRESS: _bus, ...env } = process.env as Record<string, string>
  return {
    ...env,
    XDG_RUNTIME_DIR: home.session,
    XDG_CONFIG_HOME: path.join(home.base, 'config'),
    XDG_CACHE_HOME: path.join(home.base, 'cache'),
    DOCKER_CONFIG: home.dockerFolder,
  }
}

/** Quitting a test's app keeps its containers and asks nobody, unless the test has said otherwise. */
function keepSettings(home: AppHome): void {
  const file = path.join(home.base, 'user/settings.json')
  mkdirSync(path.dirname(file), { recursive: true })
  if (!existsSync(file)) writeFileSync(file, JSON.stringify({ quitting: 'keep' }))
}

/** Keeps a picture of the window among the artifacts. */
export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true })
  await page.screenshot({ path: path.join(ARTIFACTS, `${name}.png`) })
}

/** Drops files on the middle of the window as the desktop would. */
export async function dropFiles(page: Page, files: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files: [...files], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data })
  await session.detach()
}

/** What the newest terminal shows, line by line. */
export const terminalText = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = [...document.querySelectorAll('[data-testid=terminal]')].at(-1) as HTMLElement & {
      terminal: {
        buffer: {
          active: { length: number; getLine(row: number): { translateToString(trim: boolean): string } | undefined }
        }
      }
    }
    const { active } = element.terminal.buffer
    return Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '').join(
      '\n',
    )
  })

/** Quits as the menu would, and waits for the end of the main process. */
export async function quitApp({ app }: RunningApp): Promise<void> {
  const child = app.process()
  const ended = child.exitCode !== null ? Promise.resolve() : new Promise((resolve) => child.once('exit', resolve))
  await app.evaluate(({ app: main }) => main.quit()).catch(() => undefined)
  await ended
}

/** Stops every container and the keeper of a home. */
export function shutDown(home: AppHome): void {
  execFileSync(
    process.execPath,
    [path.join(ROOT, 'out/main/engine.js'), '--root', home.root, '--runtime-dir', home.runtimeDir, '--shutdown'],
    { stdio: 'ignore', timeout: 60_000 },
  )
}

/** Ends everything of a home and demands that nothing of it is left; `endRest` ends what runs beside the app. */
export async function leaveNothing(
  home: AppHome,
  running: RunningApp | undefined,
  endRest: () => Promise<void> | undefined = async () => {},
): Promise<void> {
  try {
    if (running) await quitApp(running)
  } finally {
    try {
      shutDown(home)
    } finally {
      await endRest()
    }
  }
  // What was killed takes a moment to be gone.
  await waitUntil(() => leftoversOf(home).length === 0, 'nothing left behind').catch(() => undefined)
  expect(leftoversOf(home)).toEqual([])
  rmSync(home.base, { recursive: true, force: true })
}
