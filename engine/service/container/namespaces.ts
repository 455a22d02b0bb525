import type { CreateContainer } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import type { SharedNamespaces } from '../../runtime/container-runtime.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findContainer } from './find.ts'

const MODES = {
  pid: ['', 'private', 'host'],
  ipc: ['', 'private', 'host', 'none', 'shareable'],
  uts: ['', 'host'],
  user: ['', 'host'],
  cgroup: ['', 'private', 'host'],
} as const
const refuse = (reason: string, text: string) => new EngineError('invalidArgument', reason, text)

/** The request's namespace modes checked, with full ids of the containers that they name. */
export function resolveNamespaces(context: ServiceContext, config: CreateContainer): CreateContainer['namespaces'] {
  const { pid, ipc, uts, user, cgroup } = config.namespaces
  const shared = (kind: 'pid' | 'ipc', mode: string) =>
    mode.startsWith('container:')
      ? `container:${findContainer(context.containers, mode.slice('container:'.length)).id}`
      : plain(kind, mode)
  if (uts === 'host' && config.hostname !== '')
    throw refuse('namespace.conflict', 'conflicting options: hostname and the UTS mode')
  if (uts === 'host' && config.domainname !== '')
    throw refuse('namespace.conflict', 'conflicting options: domainname and the UTS mode')
  return {
    pid: shared('pid', pid),
    ipc: shared('ipc', ipc),
    uts: plain('uts', uts),
    user: plain('user', user),
    cgroup: plain('cgroup', cgroup),
  }
}

function plain(kind: keyof typeof MODES, mode: string): string {
  if ((MODES[kind] as readonly string[]).includes(mode)) return mode
  const name = kind === 'user' ? 'user namespace' : kind === 'cgroup' ? 'cgroup namespace' : kind.toUpperCase()
  throw refuse('namespace.invalid', `invalid ${name} mode: ${mode}`)
}

/** The namespaces that a container about to start shares. One to share with that does not run is a conflict. */
export function sharedNamespaces(context: ServiceContext, record: ContainerRecord): SharedNamespaces {
  const { pid, ipc } = record.config.namespaces
  return { pid: pidOf(context, pid), ipc: ipcOf(context, ipc) }
}

function pidOf(context: ServiceContext, mode: string): SharedNamespaces['pid'] {
  if (mode === 'host') return 'host'
  return mode.startsWith('container:') ? { init: initOf(context, mode, 'PID') } : ''
}

function ipcOf(context: ServiceContext, mode: string): SharedNamespaces['ipc'] {
  if (mode === 'host' || mode === 'none' || mode === 'shareable') return mode
  if (!mode.startsWith('container:')) return ''
  const init = initOf(context, mode, 'IPC')
  const donor = donorOf(context, mode)
  const own = donor?.config.namespaces.ipc ?? ''
  if (donor && (own === 'shareable' || own === 'host')) return { init, shmOf: own === 'host' ? '' : donor.id }
  throw new EngineError(
    'conflict',
    'namespace.not-shareable',
    `failed to join IPC namespace: container ${mode.slice('container:'.length)}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  )
}

function initOf(context: ServiceContext, mode: string, what: string): number {
  const id = mode.slice('container:'.length)
  const { state } = context.containers.get(id) ?? {}
  if (state?.init && (state.status === 'running' || state.status === 'paused')) return state.init.pid
  throw new EngineError(
    'conflict',
    'namespace.not-running',
    `failed to join ${what} namespace: container ${id} is not running`,
    { details: { container: id } },
  )
}

/** The container that a chain of `container:` modes ends at. */
function donorOf(context: ServiceContext, mode: string): ContainerRecord | undefined {
  const seen = new Set<string>()
  let donor = context.containers.get(mode.slice('container:'.length))
  while (donor?.config.namespaces.ipc.startsWith('container:') && !seen.has(donor.id)) {
    seen.add(donor.id)
    donor = context.containers.get(donor.config.namespaces.ipc.slice('container:'.length))
  }
  return donor
}
