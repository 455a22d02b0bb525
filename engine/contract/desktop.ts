import { z } from 'zod'
import { command, query, stream } from './define.ts'
import { DoctorReport } from './doctor.ts'

/*
 * What the window asks of the desktop around it, and what the desktop asks of the window. The engine takes no part in it: the app that hosts the
 * window answers. Every input is strict, so that nothing travels along that nobody declared.
 */

const Nothing = z.strictObject({})

/** Where updates come from: `https`, or this machine itself; empty for nowhere. */
const UpdateUrl = z
  .string()
  .max(2000)
  .refine((text) => text === '' || /^https:\/\/[^\s@]+$|^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(text), {
    message: 'must begin with https://',
  })

const Closing = z.enum(['tray', 'quit'])
const Quitting = z.enum(['ask', 'keep', 'stop'])
const Theme = z.enum(['system', 'light', 'dark'])
const Language = z.enum(['system', 'en', 'ko'])

/** How the app behaves on this desktop. Unknown keys of an older or newer app are dropped. */
export const DesktopSettings = z.object({
  /** What closing the window does. */
  closing: Closing.default('quit'),
  /** What quitting does to containers that run. */
  quitting: Quitting.default('ask'),
  notifications: z
    .object({
      failed: z.boolean().default(true),
      unhealthy: z.boolean().default(true),
      imported: z.boolean().default(true),
    })
    .prefault({}),
  theme: Theme.default('system'),
  language: Language.default('system'),
  updates: z.object({ url: UpdateUrl.default(''), isDaily: z.boolean().default(true) }).prefault({}),
})
export type DesktopSettings = z.output<typeof DesktopSettings>

/** The settings that change, whole or in part; the others stay. */
const SettingsChange = z.strictObject({
  closing: Closing.optional(),
  quitting: Quitting.optional(),
  notifications: z
    .strictObject({
      failed: z.boolean().optional(),
      unhealthy: z.boolean().optional(),
      imported: z.boolean().optional(),
    })
    .optional(),
  theme: Theme.optional(),
  language: Language.optional(),
  updates: z.strictObject({ url: UpdateUrl.optional(), isDaily: z.boolean().optional() }).optional(),
})
export type SettingsChange = z.output<typeof SettingsChange>

export const DesktopState = z.object({
  settings: DesktopSettings,
  /** Started with the session. */
  isAutostarted: z.boolean(),
  /** Whether this desktop shows tray icons; without one, closing quits. */
  hasTray: z.boolean(),
})
export type DesktopState = z.output<typeof DesktopState>

/** Where a `slipway://` address leads. `run` and `pull` open a filled-in dialog and do nothing by themselves. */
export const DesktopLink = z.union([
  z.object({ type: z.enum(['container', 'image', 'network', 'volume']), name: z.string() }),
  z.object({ type: z.enum(['run', 'pull']), image: z.string() }),
])
export type DesktopLink = z.output<typeof DesktopLink>

/** The pages of the window in the order of its rail. */
export const PAGE_NAMES = [
  'containers',
  'images',
  'volumes',
  'networks',
  'topology',
  'registries',
  'disk',
  'activity',
  'settings',
] as const

/** What the application menu does in the window. */
const MENU_ACTIONS = ['run', 'pull', 'import', 'shortcuts', 'palette', 'settings', 'log', 'doctor'] as const
export type MenuAction = (typeof MENU_ACTIONS)[number]

/** A report of a crash, kept as a text file. */
export const CrashReport = z.object({
  file: z.string(),
  time: z.string(),
  /** What crashed: the app itself, its window, a helper process of the browser; `ended` when the app went without a word. */
  what: z.enum(['app', 'window', 'helper', 'ended']),
})
export type CrashReport = z.output<typeof CrashReport>

/** What the desktop asks of the window. */
export const DesktopRequest = z.discriminatedUnion('type', [
  /** An image archive to import. */
  z.object({ type: z.literal('open'), path: z.string() }),
  z.object({ type: z.literal('link'), link: DesktopLink }),
  z.object({ type: z.literal('action'), action: z.enum(MENU_ACTIONS) }),
  z.object({ type: z.literal('page'), page: z.enum(PAGE_NAMES) }),
  /** Ask whether containers go on; the answer is `desktop.answerQuit`. */
  z.object({ type: z.literal('ask-quit'), running: z.number().int() }),
  /** Containers are being stopped; the app ends after it. */
  z.object({ type: z.literal('stopping'), running: z.number().int() }),
  /** A container that failed or is unhealthy, which nobody asked for: kept among the activity. */
  z.object({
    type: z.literal('trouble'),
    kind: z.enum(['failed', 'unhealthy']),
    container: z.string(),
    /** Values of the texts `notice.<kind>`. */
    values: z.record(z.string(), z.string()),
  }),
  z.object({ type: z.literal('crashed'), report: CrashReport }),
  /** A read of the desktop's is stale. */
  z.object({ type: z.literal('changed'), what: z.enum(['state', 'reports', 'update']) }),
])
export type DesktopRequest = z.output<typeof DesktopRequest>

/** A line of the app's own log. */
export const AppLogLine = z.object({
  time: z.string(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  message: z.string(),
  /** The fields beside the message, as JSON; empty for none. */
  fields: z.string(),
})
export type AppLogLine = z.output<typeof AppLogLine>

/** How far an update is. `off`: `reason` says what is missing. */
export const UpdateState = z.object({
  state: z.enum(['off', 'idle', 'checking', 'current', 'downloading', 'ready', 'failed']),
  reason: z.enum(['', 'no-address', 'no-key', 'no-package']),
  version: z.string(),
  percent: z.number(),
  error: z.string(),
  checkedAt: z.string(),
})
export type UpdateState = z.output<typeof UpdateState>

const Done = z.void()

export const desktop = {
  /** Not a call of the engine's: it tells why there may be none. */
  doctor: query(Nothing, DoctorReport),
  pickArchive: command(Nothing, z.array(z.string())),
  /** The path that was chosen; empty for none. `name` is the file's own, without folders. */
  pickSavePath: command(z.strictObject({ name: z.string().min(1).max(255) }), z.string()),
  openExternal: command(
    z.strictObject({
      url: z
        .string()
        .max(4000)
        .regex(/^https?:\/\//),
    }),
    Done,
  ),
  state: query(Nothing, DesktopState),
  changeSettings: command(SettingsChange, Done),
  setAutostart: command(z.strictObject({ isOn: z.boolean() }), Done),
  /** As the menu's item does: it asks first where a person is to be asked. */
  quit: command(Nothing, Done),
  answerQuit: command(z.strictObject({ answer: z.enum(['keep', 'stop', 'cancel']), isRemembered: z.boolean() }), Done),
  /** What the desktop asks of the window, from the first call on; what was asked before waits for it. */
  requests: stream(z.strictObject({ language: z.enum(['en', 'ko']) }), DesktopRequest, z.never()),
  /** What the window has kept of its activity, as it wrote it; empty for nothing. */
  activity: query(Nothing, z.string()),
  keepActivity: command(z.strictObject({ text: z.string().max(2_000_000) }), Done),
  /** The newest lines of the app's log, then each as it is written. */
  log: stream(Nothing, z.array(AppLogLine), z.never()),
  reports: query(Nothing, z.array(CrashReport)),
  report: query(z.strictObject({ file: z.string().max(100) }), z.string()),
  openFolder: command(z.strictObject({ folder: z.enum(['log', 'reports']) }), Done),
  update: query(Nothing, UpdateState),
  checkUpdate: command(Nothing, Done),
  installUpdate: command(Nothing, Done),
} as const
