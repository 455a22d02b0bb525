import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  statfsSync,
  statSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { detectCgroup } from '../keeper/cgroup-layout.ts'
import { run } from '../keeper/exec.ts'
import { findTool } from '../keeper/find-tool.ts'
import { APPARMOR_ENABLED } from '../lib/apparmor.ts'
import { isStaticProgram } from '../lib/elf.ts'
import type { MachineFacts, ToolFact } from '../lib/machine-facts.ts'
import { countIds, freeRange } from '../lib/subordinate-ids.ts'
import { readSocket } from './socket-fact.ts'
import { hasUserManager } from './user-scope.ts'

const MANAGERS = ['apt-get', 'dnf', 'pacman', 'zypper'] as const
const MODULES = ['bridge', 'veth', 'nf_tables', 'nf_nat']
const ID_MAP_TOOLS = ['newuidmap', 'newgidmap']
/** Those that say their version otherwise, or not at all. */
const VERSION_FLAGS: Readonly<Record<string, string>> = { ip: '-V', busybox: '' }
const CHECK_SECONDS = 10

/** Reads from this machine what the doctor judges by. Nothing is changed, and what cannot be read counts as missing. */
export async function readMachine(options: {
  readonly mode: MachineFacts['mode']
  readonly root: string
  readonly seccompProfile: string
  readonly initProgram: string
  readonly socket: string
  /** `''` where there is none. */
  readonly clientSocket: string
  readonly networks: Pick<MachineFacts, 'freeSubnet' | 'conflicts' | 'context'>
}): Promise<MachineFacts> {
  const { mode, root, seccompProfile, initProgram, networks } = options
  const [tools, userNamespaces, socket, clientSocket] = await Promise.all([
    readTools(),
    readUserNamespaces(),
    readSocket(options.socket),
    options.clientSocket ? readSocket(options.clientSocket) : null,
  ])
  return {
    mode,
    user: os.userInfo().username,
    packageManager: MANAGERS.find((name) => findTool(name)) ?? '',
    tools,
    canMapIds: ID_MAP_TOOLS.every(mayMapIds),
    missingModules: MODULES.filter((name) => !hasModule(name)),
    hasOverlay: /\boverlay$/m.test(read('/proc/filesystems')) || hasModule('overlay'),
    hasSeccompProfile: existsSync(seccompProfile),
    initProgram,
    hasAppArmor: read(APPARMOR_ENABLED).startsWith('Y'),
    userNamespaces,
    subordinateIds: readSubordinateIds(),
    tun: readTun(),
    cgroups: { layout: detectCgroup(), hasManager: hasUserManager(), delegated: delegatedControllers() },
    isLingering: existsSync('/run/systemd/system')
      ? existsSync(`/var/lib/systemd/linger/${os.userInfo().username}`)
      : null,
    freeBytes: freeBytes(root),
    ...networks,
    socket,
    clientSocket,
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

async function readTools(): Promise<MachineFacts['tools']> {
  const names = ['runc', 'crun', 'conmon', 'ip', 'nft', 'slirp4netns', 'pasta', 'busybox', 'apparmor_parser'] as const
  const entries = names.map(async (name) => [name, await readTool(name, VERSION_FLAGS[name] ?? '--version')] as const)
  const tools = Object.fromEntries(await Promise.all(entries)) as MachineFacts['tools']
  // Debian has two packages of it, and the one that needs libraries is of no use in an image of its own.
  return isStaticFile(tools.busybox.path) ? tools : { ...tools, busybox: { path: '', version: '' } }
}

function isStaticFile(file: string): boolean {
  if (file === '') return false
  const descriptor = openSync(file, 'r')
  try {
    const head = Buffer.alloc(4096)
    return isStaticProgram(head.subarray(0, readSync(descriptor, head)))
  } finally {
    closeSync(descriptor)
  }
}

async function readTool(name: string, versionFlag: string): Promise<ToolFact> {
  const file = findTool(name)
  if (!file || !versionFlag) return { path: file, version: '' }
  const said = await run([file, versionFlag], { timeoutSeconds: CHECK_SECONDS, okExitCodes: 'any' }).catch(() => null)
  return { path: file, version: (said?.stdout || said?.stderr || '').split('\n')[0]?.trim() ?? '' }
}

/** Tries it, since a dozen settings of as many distributions can forbid it; then names the setting, where it is known. */
async function readUserNamespaces(): Promise<MachineFacts['userNamespaces']> {
  const tried = await run(['unshare', '--user', '--map-root-user', '--mount', 'true'], {
    timeoutSeconds: CHECK_SECONDS,
    okExitCodes: 'any',
  }).catch((error: unknown) => ({ exitCode: -1, stderr: String(error) }))
  const forbiddenBy =
    read('/proc/sys/user/max_user_namespaces').trim() === '0'
      ? 'maximum'
      : read('/proc/sys/kernel/unprivileged_userns_clone').trim() === '0'
        ? 'clone'
        : read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns').trim() === '1'
          ? 'apparmor'
          : ''
  return { works: tried.exitCode === 0, message: tried.stderr.trim(), forbiddenBy }
}

/** Debian gives them the setuid bit, Fedora a file capability, which `stat` does not show. */
function mayMapIds(name: string): boolean {
  const file = findTool(name)
  if (!file) return false
  return (
    (statSync(file).mode & constants.S_IFMT) === constants.S_IFREG &&
    (isSetuid(file) || existsSync('/etc/redhat-release'))
  )
}

const isSetuid = (file: string): boolean => (statSync(file).mode & 0o4000) !== 0

/** Where the kernel brings no list of its modules, what is built in cannot be told: it counts as there. */
function hasModule(name: string): boolean {
  if (existsSync(`/sys/module/${name}`)) return true
  const lists = ['modules.builtin', 'modules.dep'].map((list) => read(`/lib/modules/${os.release()}/${list}`))
  if (lists.every((text) => text === '')) return true
  const file = new RegExp(`/${name.replaceAll('_', '[_-]')}\\.ko`)
  return lists.some((text) => file.test(text))
}

/** Ids that a file of ranges gives this user, by name or by number. */
function readSubordinateIds(): MachineFacts['subordinateIds'] {
  const user = os.userInfo()
  const [uids, gids] = [read('/etc/subuid'), read('/etc/subgid')]
  return { uids: countIds(uids, user), gids: countIds(gids, user), free: freeRange([uids, gids]) }
}

function readTun(): MachineFacts['tun'] {
  if (!existsSync('/dev/net/tun')) return 'missing'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return 'ok'
  } catch {
    return 'denied'
  }
}

/** Controllers that the user's systemd can delegate: those of its own group. */
function delegatedControllers(): string[] {
  const { uid } = os.userInfo()
  const file = `/sys/fs/cgroup/user.slice/user-${uid}.slice/user@${uid}.service/cgroup.controllers`
  return hasUserManager() ? read(file).trim().split(' ').filter(Boolean) : []
}

/** Room for the user where a folder is, or will be. */
function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return path.dirname(folder) === folder ? 0 : freeBytes(path.dirname(folder))
  }
}
