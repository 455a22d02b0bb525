import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { app, dialog, shell } from 'electron'
import type { DesktopHandlers } from '../engine/api/ipc-server.ts'
import type { EngineConfig } from '../engine/config.ts'
import type { AppLogLine, DesktopState } from '../engine/contract/desktop.ts'
import { EngineError } from '../engine/contract/index.ts'
import { checkMachine } from '../engine/doctor.ts'
import { createPushQueue } from '../engine/lib/async.ts'
import type { AppLog } from '../engine/log.ts'
import type { openAutostart } from './autostart.ts'
import type { Reports } from './crash-reports.ts'
import type { KeptActivity } from './kept-activity.ts'
import type { Quit } from './quit.ts'
import type { Requests } from './requests.ts'
import type { Settings } from './settings.ts'
import type { Updates } from './updates.ts'

const SHOWN_LINES = 2000

export interface DesktopParts {
  readonly config: EngineConfig
  readonly settings: Settings
  readonly autostart: ReturnType<typeof openAutostart>
  readonly requests: Requests
  readonly quit: Quit
  readonly log: AppLog
  readonly reports: Reports
  readonly updates: Updates
  readonly keptActivity: KeptActivity
  readonly hasTray: () => boolean
  /** The window has said which language it speaks. */
  readonly onLanguage: (language: 'en' | 'ko') => void
}

/** What the window may ask of the desktop. Inputs have been checked against the contract. */
export function desktopHandlers(parts: DesktopParts): DesktopHandlers {
  const { settings, autostart, requests, reports, log, updates } = parts
  const state = (): DesktopState => ({
    settings: settings.get(),
    isAutostarted: autostart.isOn(),
    hasTray: parts.hasTray(),
  })
  return {
    ...fileDialogs(),
    doctor: () => checkMachine(parts.config),
    openExternal: ({ url }) => shell.openExternal(url),
    state: async () => state(),
    changeSettings: async (change) => settings.change(change),
    setAutostart: async ({ isOn }) => {
      autostart.set(isOn)
      requests.send({ type: 'changed', what: 'state' })
    },
    quit: async () => app.quit(),
    answerQuit: async ({ answer, isRemembered }) => parts.quit.answer(answer, isRemembered),
    requests: ({ language }, { signal }) => {
      parts.onLanguage(language)
      return requests.listen(signal)
    },
    activity: async () => parts.keptActivity.read(),
    keepActivity: async ({ text }) => parts.keptActivity.write(text),
    log: (_input, { signal }) => followLog(log, signal),
    reports: async () => [...reports.list()],
    report: async ({ file }) => {
      const text = reports.read(file)
      if (!text) throw new EngineError('notFound', 'report.none', `there is no report ${JSON.stringify(file)}`)
      return text
    },
    openFolder: ({ folder }) => openFolder(folder === 'log' ? log.folder : reports.folder),
    update: async () => updates.state(),
    checkUpdate: () => updates.check(),
    installUpdate: async () => updates.install(),
  }
}

/** One file dialog at a time: a window that asks for a hundred gets one. */
function fileDialogs(): Pick<DesktopHandlers, 'pickArchive' | 'pickSavePath'> {
  let isOpen = false
  const once = async <T>(otherwise: T, show: () => Promise<T>): Promise<T> => {
    if (isOpen) return otherwise
    isOpen = true
    try {
      return await show()
    } finally {
      isOpen = false
    }
  }
  return {
    pickArchive: () =>
      once([], async () => (await dialog.showOpenDialog({ properties: ['openFile', 'multiSelections'] })).filePaths),
    pickSavePath: ({ name }) =>
      once('', async () => {
        const defaultPath = path.join(app.getPath('downloads'), path.basename(name))
        return (await dialog.showSaveDialog({ defaultPath })).filePath
      }),
  }
}

/** Shows a folder in the desktop's file manager; made first when nothing has been written to it yet. */
async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const failure = await shell.openPath(folder)
  if (failure) throw new EngineError('unavailable', 'folder.not-opened', `${folder} could not be opened: ${failure}`)
}

async function* followLog(log: AppLog, signal: AbortSignal): AsyncGenerator<AppLogLine[]> {
  const queue = createPushQueue<AppLogLine>()
  const stop = log.follow((line) => queue.push(line))
  const end = () => queue.end()
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    yield [...log.tail(SHOWN_LINES)]
    for await (const line of queue) yield [line]
  } finally {
    signal.removeEventListener('abort', end)
    stop()
  }
}
