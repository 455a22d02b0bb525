import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import { freeRange } from '../lib/subordinate-ids.ts'
import { connectHost, type HostClient } from './client.ts'
import { withoutInheritance } from './inheritance.ts'
import { newScope, scopeArguments } from './user-scope.ts'

/** Long, for a machine that is slow or busy: a keeper that ends meanwhile is not waited for. */
const START_TIMEOUT_MS = 60_000
const STEP_MS = 25

export interface LaunchOptions {
  readonly runtimeDir: string
  readonly keeperFile: string
  /** The program that runs it: asked for when one has to be started. */
  readonly program: () => Promise<string>
  /** Where an AppImage is mounted that a keeper must not hold on to; `''` without one. */
  readonly appMount: string
  readonly mode: 'rootful' | 'rootless'
  /** `runc`, `crun`, or empty for what is there. */
  readonly ociRuntime: string
  readonly onClose?: () => void
}

type StartOptions = Omit<LaunchOptions, 'program'> & { readonly program: string }

/**
 * argv that starts a keeper. Rootless it enters its own user and mount namespace, but stays in the host's network;
 * with a `scope`, in that unit of the user's systemd.
 */
export function keeperArguments(options: StartOptions, holderPid: number, scope: string): string[] {
  const keeper = [
    ...[options.program, options.keeperFile, '--runtime-dir', options.runtimeDir, '--mode', options.mode],
    ...(options.ociRuntime ? ['--runtime', options.ociRuntime] : []),
    ...(scope ? ['--scope', scope] : []),
  ]
  if (options.mode === 'rootful') return keeper
  const enter =
    holderPid > 0
      ? ['nsenter', '--user', '--mount', '--preserve-credentials', `--target=${holderPid}`, '--']
      : ['unshare', '--user', '--map-root-user', '--map-auto', '--mount', '--propagation', 'slave', '--']
  return [...(scope ? scopeArguments(scope) : []), ...enter, ...keeper]
}

/** Connects to the keeper of a runtime folder, and starts it first when none answers. */
export async function ensureKeeper(options: LaunchOptions): Promise<HostClient> {
  const socketPath = path.join(options.runtimeDir, 'keeper.sock')
  if (socketPath.length > 107) {
    throw new EngineError(
      'invalidArgument',
      'keeper.path-too-long',
      `the runtime folder's path is too long for a socket: ${socketPath}; choose a shorter --runtime-dir`,
    )
  }
  const client = { ...(options.onClose ? { onClose: options.onClose } : {}) }
  const running = await connectHost(socketPath, client).catch(() => null)
  if (running) return running
  mkdirSync(options.runtimeDir, { recursive: true, mode: 0o700 })
  const logFile = path.join(options.runtimeDir, 'keeper.log')
  const starting = { ...options, program: await options.program() }
  let child = start(starting, logFile, options.mode === 'rootless' ? newScope(options.runtimeDir) : '')
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline) {
    const connected = await connectHost(socketPath, client).catch(() => null)
    if (connected) return connected
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
    const said = explain(logFile)
    if (said) throw said
    const { exitCode, signalCode } = child.process
    if (!exitCode && !signalCode) continue
    if (!child.isScoped) break
    // A systemd that refuses its scope does not keep containers from running: they have no limits then.
    child = start(starting, logFile, '')
  }
  throw new EngineError('unavailable', 'keeper.not-started', `the keeper did not start; its log ends: ${tail(logFile)}`)
}

function start(options: StartOptions, logFile: string, scope: string) {
  const [command = '', ...args] = keeperArguments(options, namespaceHolder(options.runtimeDir), scope)
  const log = openSync(logFile, 'w', 0o600)
  const child = withoutInheritance(() =>
    spawn(command, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      env: {
        ...withoutMount(process.env, options.appMount),
        ...(process.versions['electron'] ? { ELECTRON_RUN_AS_NODE: '1' } : {}),
      },
    }),
  )
  child.on('error', () => {})
  child.unref()
  closeSync(log)
  return { process: child, isScoped: scope !== '' }
}

/** An environment without what the runtime of an AppImage has added to it. */
export function withoutMount(env: NodeJS.ProcessEnv, mount: string): NodeJS.ProcessEnv {
  if (mount === '') return env
  const isInside = (file: string) => file === mount || file.startsWith(`${mount}/`)
  const cleaned: NodeJS.ProcessEnv = {}
  for (const [name, value = ''] of Object.entries(env)) {
    if (['APPDIR', 'APPIMAGE', 'ARGV0', 'OWD'].includes(name)) continue
    const parts = value.split(':')
    const kept = parts.filter((part) => !isInside(part))
    if (kept.length === parts.length) cleaned[name] = value
    else if (kept.some((part) => part !== '')) cleaned[name] = kept.join(':')
  }
  return cleaned
}

/**
 * A process that still lives in the namespaces of a keeper that died: its egress helper or a container's shim. A new
 * keeper must join them, since the mounts and the inner network are there.
 */
function namespaceHolder(runtimeDir: string): number {
  const state = path.join(runtimeDir, 'keeper')
  const records = path.join(state, 'containers')
  const files = existsSync(records) ? readdirSync(records).filter((name) => name.endsWith('.json')) : []
  const shims = files.map((name) => readPid(path.join(records, name), ({ conmon }) => conmon?.pid))
  const holders = [readPid(path.join(state, 'egress.json'), ({ pid }) => pid), ...shims]
  return holders.find((pid) => pid > 0 && isOurs(pid, runtimeDir)) ?? 0
}

interface HolderRecord {
  readonly pid?: number
  readonly conmon?: { readonly pid: number }
}

function readPid(file: string, pick: (record: HolderRecord) => number | undefined): number {
  try {
    return pick(JSON.parse(readFileSync(file, 'utf8')) as HolderRecord) ?? 0
  } catch {
    return 0
  }
}

/** Egress helpers and shims name our folder; a process that was given the number later does not. */
function isOurs(pid: number, runtimeDir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(runtimeDir)
  } catch {
    return false
  }
}

/** What the start said, when it is one of the known reasons that a person can mend. */
function explain(logFile: string): EngineError | null {
  const text = tail(logFile)
  if (/newuidmap|newgidmap|subuid|failed to find.*map/i.test(text)) {
    const free = freeRange(['/etc/subuid', '/etc/subgid'].map(readOrNothing))
    return new EngineError(
      'unavailable',
      'rootless.no-subuids',
      `rootless mode needs newuidmap and sub-ids: ${text.trim()}; run: sudo apt-get install uidmap && sudo usermod --add-subuids ${free} --add-subgids ${free} $USER`,
    )
  }
  if (/unshare failed: Operation not permitted/.test(text)) {
    return new EngineError(
      'unavailable',
      'rootless.userns-denied',
      'this system does not let users make user namespaces; run: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    )
  }
  if (/Error: |SyntaxError|TypeError/.test(text))
    return new EngineError('unavailable', 'keeper.not-started', `the keeper failed: ${text}`)
  return null
}

const tail = (file: string): string => readOrNothing(file).slice(-1500)

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
