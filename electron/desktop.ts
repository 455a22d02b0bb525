import { setTimeout } from 'node:timers/promises'
import { app, ipcMain, MessageChannelMain, nativeTheme, powerMonitor } from 'electron'
import { serveIpc } from '../engine/api/ipc-server.ts'
import type { EngineConfig } from '../engine/config.ts'
import type { DesktopRequest, DesktopSettings } from '../engine/contract/desktop.ts'
import { openLog, writeToTerminal } from '../engine/log.ts'
import { type AppWindow, createAppWindow, denyEverythingElse, isWindowPage, serveWindowFiles } from './app-window.ts'
import { openableIn } from './arguments.ts'
import { openAutostart, startCommand } from './autostart.ts'
import { reopenAfterCrash, watchCrashes } from './crash.ts'
import { openReports } from './crash-reports.ts'
import { type EngineHost, startEngine } from './engine-host.ts'
import { type EngineView, NOTHING } from './engine-watch.ts'
import { type DesktopParts, desktopHandlers } from './handlers.ts'
import { openKeptActivity } from './kept-activity.ts'
import { setMenu } from './menu.ts'
import { createNotifications } from './notifications.ts'
import { configHome, isPackaged, sourceFolder, trayFolder, windowIcon } from './paths.ts'
import { createQuit, type Quit } from './quit.ts'
import { decideClose } from './quitting.ts'
import { createRequests } from './requests.ts'
import { markSession } from './session-mark.ts'
import { openSettings } from './settings.ts'
import { createTexts } from './texts.ts'
import { type AppTray, createTray } from './tray.ts'
import type { TrayActions } from './tray-menu.ts'
import { hasPackage, openUpdater, readKey } from './updater.ts'
import { createUpdates } from './updates.ts'

/** An engine that is still starting, or hangs, keeps nobody from quitting. */
const LOOK_TIMEOUT_MS = 1000

export interface DesktopOptions {
  readonly config: EngineConfig
  /** File of the key that signs updates, in place of the packaged one. */
  readonly updateKeyFile: string | undefined
  /** Options of this start that belong to the next one too. */
  readonly keptArgs: readonly string[]
}

/** Puts the app around the engine together: window, menu, tray, notifications, and the ways out. */
export function startDesktop(options: DesktopOptions): void {
  const base = openBase(options)
  const engine = startEngine(base)
  const frame = createFrame(base, engine)
  const key = readKey(options.updateKeyFile)
  const updates = createUpdates({
    ...base,
    hasKey: key !== '',
    hasPackage: hasPackage(),
    openUpdater: (onPercent) => openUpdater({ ...base, key, onPercent }),
    leave: frame.quit.leaveForUpdate,
  })
  serveWindow({
    engine,
    window: frame.window,
    desktop: { ...base, quit: frame.quit, updates, hasTray: frame.hasTray, onLanguage: frame.speak },
  })
  base.onSettings((next) => {
    nativeTheme.themeSource = next.theme
    if (next.language !== 'system') frame.speak(next.language)
    base.requests.send({ type: 'changed', what: 'state' })
  })
  nativeTheme.themeSource = base.settings.get().theme
  const openArguments = (argv: readonly string[], folder: string) => {
    const { archives, links } = openableIn(argv, folder)
    for (const path of archives) base.requests.send({ type: 'open', path })
    for (const link of links) base.requests.send({ type: 'link', link })
    if (archives.length + links.length > 0 || !argv.includes('--hidden')) frame.window.show()
  }
  app.on('second-instance', (_event, argv, folder) => openArguments(argv, folder))
  endWithSession(frame.quit)
  denyEverythingElse()
  void app.whenReady().then(() => {
    serveWindowFiles()
    frame.appear()
    openArguments(process.argv, process.cwd())
    updates.start()
  })
}

/** What everything else stands on, and knows nothing of it. */
function openBase({ config, keptArgs }: DesktopOptions) {
  const folder = app.getPath('userData')
  const listeners: ((settings: DesktopSettings) => void)[] = []
  const settings = openSettings(folder, (next) => {
    for (const listener of listeners) listener(next)
  })
  const command = startCommand({
    env: process.env,
    program: process.execPath,
    appFolder: isPackaged ? null : sourceFolder,
    kept: [...(process.argv.includes('--no-sandbox') ? ['--no-sandbox'] : []), ...keptArgs],
  })
  return {
    config,
    settings,
    onSettings: (listener: (settings: DesktopSettings) => void) => void listeners.push(listener),
    texts: createTexts(settings.get().language, app.getLocale()),
    requests: createRequests(),
    log: openLog({ root: config.root, copyTo: writeToTerminal }),
    reports: openReports(config.root, () => new Date()),
    mark: markSession(folder),
    keptActivity: openKeptActivity(folder),
    command,
    autostart: openAutostart(configHome(), command),
  }
}
type Base = ReturnType<typeof openBase>

/** What a person sees of the app: its window, menu, tray and notifications, and how it ends. */
function createFrame(base: Base, engine: EngineHost) {
  const { settings, texts, requests, mark } = base
  let view: EngineView = NOTHING
  let tray: AppTray | undefined
  const hasTray = () => tray?.hasHost() ?? false
  const window = createAppWindow(windowIcon, (made) => {
    reopenAfterCrash(made, crashes, noteCrash)
    made.on('close', (event) => {
      if (quit.isLeaving()) return
      event.preventDefault()
      if (decideClose({ closing: settings.get().closing, hasTray: hasTray() }) === 'hide') made.hide()
      else app.quit()
    })
  })
  const countRunning = async () => {
    const late = setTimeout(LOOK_TIMEOUT_MS).then(() => view)
    return (await Promise.race([engine.look().catch(() => view), late])).running
  }
  const quit = createQuit({ ...base, window, countRunning, closeEngine: engine.close, onEnd: mark.remove })
  const crashes = { ...base, isLeaving: quit.isLeaving, onEnd: mark.remove }
  const noteCrash = watchCrashes(crashes)
  if (mark.startedAt) noteCrash('ended', `The app that was started at ${mark.startedAt} ended without a word.`)
  const open = (request: DesktopRequest) => {
    requests.send(request)
    window.show()
  }
  const notifications = createNotifications({
    texts,
    icon: windowIcon,
    wanted: () => settings.get().notifications,
    isLookedAt: window.isFocused,
    open: (link) => open({ type: 'link', link }),
    onNotice: ({ kind, values }) => {
      const { name = '' } = values
      if (kind !== 'imported') requests.send({ type: 'trouble', kind, container: name, values })
    },
  })
  const speak = (language?: 'en' | 'ko') => {
    if (language) texts.use(language)
    setMenu(texts, open)
    tray?.relabel()
  }
  return {
    window,
    quit,
    hasTray,
    speak,
    /** Puts up what needs a desktop that is ready. */
    appear() {
      speak()
      tray = createTray({
        ...base,
        iconFolder: trayFolder,
        actions: trayActions({ window, engine, open }),
        // A window that is hidden now would be found by nobody.
        onLost: () => {
          if (!quit.isLeaving() && window.get()?.isVisible() !== true) window.show()
        },
      })
      engine.watch(notifications.hear, (next) => {
        view = next
        tray?.show(next)
      })
    },
  }
}

function trayActions(parts: {
  readonly window: AppWindow
  readonly engine: EngineHost
  readonly open: (request: DesktopRequest) => void
}): TrayActions {
  const { window, engine, open } = parts
  return {
    open: window.show,
    openContainer: (name) => open({ type: 'link', link: { type: 'container', name } }),
    start: (id) => engine.act('start', id),
    stop: (id) => engine.act('stop', id),
    quit: () => app.quit(),
  }
}

function serveWindow(options: {
  readonly engine: EngineHost
  readonly window: AppWindow
  readonly desktop: DesktopParts
}): void {
  const { engine, window, desktop } = options
  serveIpc({
    handlers: engine.handlers,
    desktopHandlers: desktopHandlers(desktop),
    ipcMain,
    createChannel: () => {
      const { port1, port2 } = new MessageChannelMain()
      return { port1, port2 }
    },
    isTrustedSender: (event) => event.sender === window.get()?.webContents && isWindowPage(event.senderFrame?.url),
  })
}

/** A session that ends, a machine that goes down and a signal ask nothing and wait for nobody: containers go on. */
function endWithSession(quit: Quit): void {
  // Electron sets handlers of its own on the way to ready, which would ask as if a person quit: ours come after.
  void app.whenReady().then(() => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => quit.request('session'))
    powerMonitor.on('shutdown', () => quit.request('session'))
  })
  // The app outlives its window; only the ways out above end it.
  app.on('window-all-closed', () => {})
}
