import path from 'node:path'
import { parseArgs } from 'node:util'
import { app, BrowserWindow, dialog, ipcMain, MessageChannelMain, net, protocol, screen, shell } from 'electron'
import { serveIpc } from '../engine/api/ipc-server.ts'
import { loadConfig } from '../engine/config.ts'
import { checkMachine } from '../engine/doctor.ts'
import { createEngine } from '../engine/engine.ts'
import { archivesIn } from './archives.ts'
import { keepWindowState, readWindowState } from './window-state.ts'

const SCHEME = 'slipway-app'
const START_PAGE = `${SCHEME}://window/index.html`
const rendererFolder = path.join(import.meta.dirname, '../renderer')

const { values } = parseArgs({
  strict: false,
  allowPositionals: true,
  options: { root: { type: 'string' }, 'runtime-dir': { type: 'string' } },
})
const text = (value: unknown) => (typeof value === 'string' ? value : undefined)

protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true } }])

if (app.requestSingleInstanceLock()) start()
else app.quit()

function start(): void {
  const config = loadConfig({
    keeperFile: path.join(import.meta.dirname, '../keeper/keeper.mjs').replace('app.asar/', 'app.asar.unpacked/'),
    root: text(values['root']),
    runtimeDir: text(values['runtime-dir']),
  })
  const engine = createEngine(config)
  const handlers = engine.then(async (running) => {
    // The window works without the socket: somebody else may hold it.
    await running.listen().catch((error: unknown) => process.stderr.write(`slipway: ${String(error)}\n`))
    return running.handlers
  })
  handlers.catch((error: unknown) =>
    dialog.showErrorBox('Slipway', error instanceof Error ? error.message : String(error)),
  )
  let window: BrowserWindow | undefined

  serveIpc({
    handlers,
    ipcMain,
    createChannel: () => {
      const { port1, port2 } = new MessageChannelMain()
      return { port1, port2 }
    },
    isTrustedSender: (event) =>
      event.sender === window?.webContents && event.senderFrame?.url.startsWith(`${SCHEME}://window/`) === true,
    desktopHandlers: {
      // Not a call of the engine's: it tells why there may be none.
      doctor: () => checkMachine(config),
      pickArchive: async () => (await dialog.showOpenDialog({ properties: ['openFile', 'multiSelections'] })).filePaths,
      pickSavePath: async ({ name }: { name?: unknown }) =>
        (await dialog.showSaveDialog({ defaultPath: path.join(app.getPath('downloads'), path.basename(String(name))) }))
          .filePath,
      openExternal: async ({ url }: { url?: unknown }) => {
        if (typeof url === 'string' && /^https?:\/\//.test(url)) await shell.openExternal(url)
      },
    },
  })

  const openArchives = (argv: readonly string[], folder: string) => {
    for (const file of archivesIn(argv, folder)) window?.webContents.send('desktop:open', file)
  }
  app.on('second-instance', (_event, argv, folder) => {
    if (window?.isMinimized()) window.restore()
    window?.show()
    window?.focus()
    openArchives(argv, folder)
  })
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault())
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    contents.session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false))
  })
  app.on('window-all-closed', () => app.quit())
  let isReleased = false
  app.on('will-quit', (event) => {
    if (isReleased) return
    event.preventDefault()
    isReleased = true
    // Containers go on: only the connection to the keeper is let go.
    void engine.then((running) => running.close({ stopContainers: false })).finally(() => app.exit())
  })
  void app.whenReady().then(() => {
    protocol.handle(SCHEME, (request) => {
      const file = path.join(rendererFolder, path.normalize(decodeURIComponent(new URL(request.url).pathname)))
      return net.fetch(`file://${file}`)
    })
    window = createWindow()
    window.webContents.once('did-finish-load', () => openArchives(process.argv, process.cwd()))
  })
}

function createWindow(): BrowserWindow {
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
    backgroundColor: '#101418',
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
  void window.loadURL(START_PAGE)
  return window
}
