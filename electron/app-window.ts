import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { app, BrowserWindow, nativeTheme, net, protocol, screen } from 'electron'
import { CONTENT_POLICY, windowFileOf } from './window-files.ts'
import { keepWindowState, readWindowState } from './window-state.ts'

const SCHEME = 'slipway-app'
const START_PAGE = `${SCHEME}://window/index.html`
const rendererFolder = path.join(import.meta.dirname, '../renderer')

/** The one window. It may be hidden, and there may be none yet. */
export interface AppWindow {
  get(): BrowserWindow | undefined
  /** Brings it to the front, and makes it when there is none. */
  show(): void
  isFocused(): boolean
}

/** Whether a call comes from the page of the window and from nowhere else. */
export const isWindowPage = (url: string | undefined): boolean => url?.startsWith(`${SCHEME}://window/`) === true

/** Must be called before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true } }])
}

/** Serves the window's own files and nothing beside them. */
export function serveWindowFiles(): void {
  protocol.handle(SCHEME, async (request) => {
    const file = windowFileOf(request.url, rendererFolder)
    const found = file === null ? null : await net.fetch(pathToFileURL(file).href).catch(() => null)
    if (!found?.ok) return new Response('', { status: 404 })
    const headers = {
      'content-type': found.headers.get('content-type') ?? 'application/octet-stream',
      'content-security-policy': CONTENT_POLICY,
      'x-content-type-options': 'nosniff',
    }
    return new Response(found.body, { headers })
  })
}

/** No page of ours leads anywhere else, opens windows or asks for permissions. */
export function denyEverythingElse(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault())
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    contents.session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
    // Without these, Electron answers yes to whatever a page asks without waiting. Its buttons write text to the clipboard.
    contents.session.setPermissionCheckHandler(
      (_contents, permission, origin) => isWindowPage(origin) && permission === 'clipboard-sanitized-write',
    )
    contents.session.setDevicePermissionHandler(() => false)
  })
}

/** A window that is made when it is first shown. `prepare` adds what listens to it. */
export function createAppWindow(icon: string, prepare: (window: BrowserWindow) => void): AppWindow {
  let window: BrowserWindow | undefined
  return {
    get: () => window,
    isFocused: () => window?.isFocused() === true,
    show() {
      if (!window) {
        window = openWindow(icon)
        window.on('closed', () => {
          window = undefined
        })
        prepare(window)
        void window.loadURL(START_PAGE)
        return
      }
      if (window.isMinimized()) window.restore()
      window.show()
      window.focus()
    },
  }
}

function openWindow(icon: string): BrowserWindow {
  const folder = app.getPath('userData')
  const { isMaximized, ...bounds } = readWindowState(
    folder,
    screen.getAllDisplays().map(({ workArea }) => workArea),
  )
  const window = new BrowserWindow({
    ...bounds,
    minWidth: 900,
    minHeight: 600,
    title: 'Slipway',
    icon,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0f1315' : '#ffffff',
    autoHideMenuBar: true,
    webPreferences: {
      preload: path.join(import.meta.dirname, '../preload/preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  })
  if (isMaximized) window.maximize()
  keepWindowState(folder, window)
  return window
}
