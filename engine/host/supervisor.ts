import { existsSync } from 'node:fs'
import { EngineError } from '../contract/errors.ts'
import { APPARMOR_INTERFACE, DEFAULT_PROFILE } from '../lib/apparmor.ts'
import type { HostClient } from './client.ts'
import type { HostInfo } from './host.ts'

const RETRY_MS = 500
/** Calls that come to the same whether they were carried out once or twice: a keeper that dies over one is no failure. */
const REPEATABLE: ReadonlySet<string> = new Set<keyof HostClient>([
  ...(['info', 'stats', 'treeSize', 'readInRoot', 'statPath', 'listProcesses', 'listMounts', 'listRoutes'] as const),
  ...(['listContainers', 'listTraces', 'deleteContainer', 'removeTree', 'unmount', 'releaseMounts'] as const),
  ...([
    'makeFolder',
    'mountShm',
    'mountVolume',
    'unmountVolume',
    'closePorts',
    'removeSandbox',
    'openResolver',
    'setZone',
  ] as const),
  ...(['ensureProfile', 'ensureBridge', 'removeBridge', 'removeParent', 'resizeContainer', 'updateContainer'] as const),
])
const MAX_ATTEMPTS = 20
const STEP_MS = 25

/** A Host that survives its keeper: calls go to the keeper of the moment, and wait while there is none. */
export type SupervisedHost = HostClient & {
  /** Told once a new keeper stands in for one that was lost. */
  readonly onReplaced: (listener: () => void) => void
}

/** Connects, and when the keeper is lost starts or finds the next one. */
export async function createHostSupervisor(
  connect: (onClose: () => void) => Promise<HostClient>,
  onFailure: (error: unknown) => void,
): Promise<SupervisedHost> {
  const listeners: (() => void)[] = []
  let isClosing = false
  let current: HostClient
  let replacing: Promise<void> | undefined
  const replace = async () => {
    for (let attempt = 1; !isClosing; attempt += 1) {
      try {
        current = await connect(onClose)
        replacing = undefined
        for (const listener of listeners) listener()
        return
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) {
          replacing = undefined
          return onFailure(error)
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }
  const onClose = () => {
    if (!isClosing) replacing = replace()
  }
  current = await connect(onClose)
  const own = {
    close: () => {
      isClosing = true
      current.close()
    },
    onReplaced: (listener: () => void) => void listeners.push(listener),
    info: async (params: Record<string, never>) => completeInfo((await call('info')(params)) as HostInfo),
    listTraces: async (params: Record<string, never>) =>
      (await own.info(params)).protocol < 2 ? [] : call('listTraces')(params),
    ensureProfile: (params: { readonly name: string }) =>
      call('ensureProfile')(params).catch((error: unknown) => {
        // A keeper of before protocol 3 has no profile of its own; of others the runtime says whether they are there.
        if (error instanceof EngineError && error.reason === 'host.no-such-call')
          return params.name === DEFAULT_PROFILE ? '' : params.name
        throw error
      }),
    shutdown: (params: Record<string, never>) => {
      isClosing = true
      return current.shutdown(params)
    },
  }
  const call =
    (name: keyof HostClient) =>
    async (...args: unknown[]): Promise<unknown> => {
      for (let attempt = 1; ; attempt += 1) {
        await replacing
        try {
          return await (current[name] as (...args: unknown[]) => Promise<unknown>)(...args)
        } catch (error) {
          const isLost = error instanceof EngineError && error.reason === 'keeper.lost'
          if (!isLost || isClosing || !isRepeatable(name, args[0]) || attempt >= MAX_ATTEMPTS) throw error
          // The news that the connection is gone may come after the error.
          if (!replacing) await new Promise((resolve) => setTimeout(resolve, STEP_MS))
        }
      }
    }
  return new Proxy(own as unknown as SupervisedHost, {
    get: (target, name: keyof SupervisedHost) => {
      // Whoever awaits this object must not take it for a promise.
      if ((name as string) === 'then') return undefined
      return name in own ? target[name] : call(name as keyof HostClient)
    },
  })
}

const ALL_CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids']

/** What older keepers did not tell. One of protocol 1 limited containers as root, and not otherwise. */
function completeInfo(info: HostInfo): HostInfo {
  if (info.protocol >= 3) return info
  const isRoot = info.mode === 'rootful'
  const appArmor = isRoot && existsSync(APPARMOR_INTERFACE) ? 'missing' : 'none'
  if (info.protocol === 2) return { ...info, appArmor }
  return {
    ...info,
    appArmor,
    cgroupRoot: isRoot ? '/' : '',
    controllers: isRoot ? ALL_CONTROLLERS : [],
    innerNetns: '',
  }
}

/** A signal that ends what it is sent to may come twice, others not. */
function isRepeatable(name: string, params: unknown): boolean {
  if (name === 'signalContainer') return /^(SIG)?KILL$/.test((params as { signal: string }).signal)
  return REPEATABLE.has(name)
}
