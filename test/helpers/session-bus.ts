import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { waitUntil } from './engine.ts'

/** A notification as it was sent to the desktop. */
export interface ShownNotification {
  readonly id: number
  readonly title: string
  readonly text: string
  readonly actions: readonly string[]
}

interface Message {
  readonly sender: string
  readonly member: string
}
interface Bus {
  readonly connection: { on(event: 'message', listener: (message: Message) => void): void; end(): void }
  invokeDbus(message: object): Promise<unknown>
  invoke(message: object): Promise<unknown>
  sendReply(message: Message, signature: string, body: readonly unknown[]): void
  sendSignal(path: string, from: string, name: string, signature: string, body: readonly unknown[]): void
  exportInterface(object: object, path: string, declaration: object): void
  setMethodCallHandler(path: string, from: string, member: string, handler: readonly unknown[]): void
}

const NOTIFICATIONS = 'org.freedesktop.Notifications'
const NOTIFICATIONS_PATH = '/org/freedesktop/Notifications'
const WATCHER = 'org.kde.StatusNotifierWatcher'
const PROPERTIES = 'org.freedesktop.DBus.Properties'

/** A session bus of the test's own, with a desktop on it that shows notifications and tray icons. */
export interface SessionBus {
  readonly address: string
  readonly notifications: readonly ShownNotification[]
  /** Tray icons that have registered, as `name/path`. */
  readonly trayItems: readonly string[]
  /** Clicks on a notification. */
  click(notification: ShownNotification): void
  /** A property of a tray icon. */
  trayProperty(item: string, name: string): Promise<unknown>
  stop(): Promise<void>
}

/** Starts a real dbus-daemon and serves the two desktop interfaces on it. */
export async function startSessionBus(folder: string): Promise<SessionBus> {
  const address = `unix:path=${path.join(folder, 'bus')}`
  const daemon = spawn('dbus-daemon', ['--session', '--nofork', '--print-address', `--address=${address}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(daemon, 'exit').then(([code]) => {
    throw new Error(`dbus-daemon ended with code ${code} before it served`)
  })
  await Promise.race([once(daemon.stdout as NonNullable<ChildProcess['stdout']>, 'data'), ended])
  ended.catch(() => {})
  const { sessionBus } = (await import('@httptoolkit/dbus-native')) as unknown as {
    sessionBus(options: { busAddress: string }): Bus
  }
  const bus = sessionBus({ busAddress: address })
  for (const name of [NOTIFICATIONS, WATCHER])
    await bus.invokeDbus({ member: 'RequestName', signature: 'su', body: [name, 4] })
  const notifications = serveNotifications(bus)
  const trayItems = serveTray(bus)
  return {
    address,
    notifications,
    trayItems,
    click: ({ id }) => bus.sendSignal(NOTIFICATIONS_PATH, NOTIFICATIONS, 'ActionInvoked', 'us', [id, 'default']),
    async trayProperty(item, name) {
      const cut = item.indexOf('/')
      const answer = await bus.invoke({
        destination: item.slice(0, cut),
        path: item.slice(cut),
        interface: PROPERTIES,
        member: 'Get',
        signature: 'ss',
        body: ['org.kde.StatusNotifierItem', name],
      })
      return (answer as readonly [unknown, readonly unknown[]])[1][0]
    },
    async stop() {
      bus.connection.end()
      daemon.kill()
      await waitUntil(() => daemon.exitCode !== null || daemon.signalCode !== null)
    },
  }
}

function serveNotifications(bus: Bus): readonly ShownNotification[] {
  const shown: ShownNotification[] = []
  const serve = (member: string, handler: readonly unknown[]) =>
    bus.setMethodCallHandler(NOTIFICATIONS_PATH, NOTIFICATIONS, member, handler)
  serve('GetCapabilities', [() => ['actions', 'body'], 'as'])
  // Four values, which the library's own dispatch cannot answer with.
  bus.connection.on('message', (message) => {
    if (message.member === 'GetServerInformation') bus.sendReply(message, 'ssss', ['test', 'test', '1', '1.2'])
  })
  serve('GetServerInformation', [() => new Promise(() => {}), ''])
  serve('Notify', [
    (_app: string, _replaces: number, _icon: string, title: string, text: string, actions: string[]) => {
      shown.push({ id: shown.length + 1, title, text, actions })
      return shown.length
    },
    'u',
  ])
  return shown
}

function serveTray(bus: Bus): readonly string[] {
  const items: string[] = []
  const path = '/StatusNotifierWatcher'
  const register = (item: string, { sender }: Message) => {
    items.push(item.startsWith('/') ? `${sender}${item}` : `${item}/StatusNotifierItem`)
    return null
  }
  const declaration = {
    name: WATCHER,
    methods: { RegisterStatusNotifierItem: ['s', ''] },
    properties: { IsStatusNotifierHostRegistered: 'b', ProtocolVersion: 'i' },
  }
  const watcher = { RegisterStatusNotifierItem: register, IsStatusNotifierHostRegistered: true, ProtocolVersion: 0 }
  bus.exportInterface(watcher, path, declaration)
  return items
}
