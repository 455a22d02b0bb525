/*
 * Electron makes a tray icon whether anybody shows it or not, so the session's bus is asked: icons are shown by a host that has registered with the
 * StatusNotifierWatcher. GNOME has none without an extension.
 */
const WATCHER = 'org.kde.StatusNotifierWatcher'
const WATCHER_PATH = '/StatusNotifierWatcher'
const HAS_HOST = 'IsStatusNotifierHostRegistered'
const BUS = 'org.freedesktop.DBus'

interface SessionBus {
  readonly connection: {
    on(event: 'error' | 'end', listener: (error?: Error) => void): void
    on(event: 'message', listener: (message: Message) => void): void
  }
  invoke(message: object): Promise<unknown>
  invokeDbus(message: object): Promise<unknown>
}
interface Message {
  readonly interface?: string
  readonly member?: string
  readonly body?: readonly unknown[]
}

/** Tells whether a tray icon would be seen on this desktop, now and whenever that changes. */
export async function watchTrayHost(onChange: (hasHost: boolean) => void): Promise<void> {
  const address = process.env['DBUS_SESSION_BUS_ADDRESS']
  if (!address) return
  const { sessionBus } = (await import('@httptoolkit/dbus-native')) as unknown as {
    sessionBus(options: { busAddress: string }): SessionBus
  }
  const bus = sessionBus({ busAddress: address })
  let last = false
  const say = (hasHost: boolean) => {
    if (hasHost !== last) onChange(hasHost)
    last = hasHost
  }
  bus.connection.on('error', () => say(false))
  bus.connection.on('end', () => say(false))
  const look = async () => say(await hasHost(bus).catch(() => false))
  bus.connection.on('message', ({ interface: from, member, body }) => {
    const isNewOwner = from === BUS && member === 'NameOwnerChanged' && body?.[0] === WATCHER
    if (isNewOwner || from === WATCHER) void look()
  })
  for (const rule of [
    `type='signal',sender='${BUS}',member='NameOwnerChanged',arg0='${WATCHER}'`,
    `type='signal',interface='${WATCHER}'`,
  ])
    await bus.invokeDbus({ member: 'AddMatch', signature: 's', body: [rule] })
  await look()
}

/** An absent watcher must not be started by asking it, so its name comes first. */
async function hasHost(bus: SessionBus): Promise<boolean> {
  if (!(await bus.invokeDbus({ member: 'NameHasOwner', signature: 's', body: [WATCHER] }))) return false
  const answer = await bus.invoke({
    destination: WATCHER,
    path: WATCHER_PATH,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'Get',
    signature: 'ss',
    body: [WATCHER, HAS_HOST],
  })
  // A variant: [type, [value]].
  return (answer as readonly [unknown, readonly unknown[]])[1]?.[0] === true
}
