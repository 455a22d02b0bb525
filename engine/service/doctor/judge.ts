import path from 'node:path'
import type { Check, DoctorReport } from '../../contract/doctor.ts'
import type { MachineFacts, SocketFact, ToolFact } from '../../lib/machine-facts.ts'
import { NEEDED_IDS } from '../../lib/subordinate-ids.ts'

const FULL_BYTES = 200_000_000
const SCARCE_BYTES = 2_000_000_000
const CONTROLLERS = ['cpu', 'memory', 'pids']

/** Packages by what they bring, where distributions call them otherwise. */
const PACKAGES: Readonly<Record<string, Readonly<Partial<Record<MachineFacts['packageManager'], string>>>>> = {
  iproute2: { dnf: 'iproute' },
  uidmap: { dnf: 'shadow-utils', pacman: 'shadow', zypper: 'shadow' },
  'golang-github-containers-common': {
    dnf: 'containers-common',
    pacman: 'containers-common',
    zypper: 'libcontainers-common',
  },
  'busybox-static': { dnf: 'busybox', pacman: 'busybox' },
  apparmor: { zypper: 'apparmor-parser' },
}
const INSTALL: Readonly<Record<MachineFacts['packageManager'], string>> = {
  'apt-get': 'sudo apt-get install -y',
  dnf: 'sudo dnf install -y',
  pacman: 'sudo pacman -S --noconfirm',
  zypper: 'sudo zypper install -y',
  '': '',
}
const USER_NAMESPACE_COMMANDS = {
  apparmor: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  clone: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
  maximum: 'sudo sysctl -w user.max_user_namespaces=28633',
  '': '',
} as const
const DELEGATE =
  "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload"

type Judgement = Omit<Check, 'id'>
const passed = (found: string): Judgement => ({ state: 'passed', found, command: '' })
const failed = (state: 'note' | 'problem', found: string, command = ''): Judgement => ({ state, found, command })

/** What the facts of a machine mean for running containers on it. */
export function judgeMachine(facts: MachineFacts): DoctorReport {
  const judged: Partial<Record<Check['id'], Judgement>> = {
    ...judgeTools(facts),
    ...judgeKernel(facts),
    ...(facts.mode === 'rootless' ? judgeRootless(facts) : judgeAppArmor(facts)),
    cgroups: judgeCgroups(facts),
    subnets: facts.freeSubnet ? passed(facts.freeSubnet) : failed('note', ''),
    networks: judgeNetworks(facts),
    socket: judgeSocket(facts, facts.socket),
    ...(facts.clientSocket ? { clientSocket: judgeSocket(facts, facts.clientSocket) } : {}),
    disk: judgeDisk(facts),
    init: facts.initProgram ? passed(facts.initProgram) : failed('note', '', install(facts, 'catatonit')),
    starter: facts.tools.busybox.path
      ? passed(facts.tools.busybox.path)
      : failed('note', '', install(facts, 'busybox-static')),
  }
  const checks = (Object.entries(judged) as [Check['id'], Judgement][]).map(([id, judgement]) => ({ id, ...judgement }))
  return { mode: facts.mode, checks }
}

function judgeTools(facts: MachineFacts): Partial<Record<Check['id'], Judgement>> {
  const { tools } = facts
  const need = (tool: ToolFact, name: string): Judgement =>
    tool.path ? passed(tool.version || tool.path) : failed('problem', '', install(facts, name))
  return {
    runtime: need(tools.runc.path ? tools.runc : tools.crun, 'runc'),
    conmon: need(tools.conmon, 'conmon'),
    ip: need(tools.ip, 'iproute2'),
    nft: need(tools.nft, 'nftables'),
  }
}

function judgeKernel(facts: MachineFacts): Partial<Record<Check['id'], Judgement>> {
  const { missingModules, hasOverlay, hasSeccompProfile } = facts
  return {
    modules:
      missingModules.length === 0
        ? passed('')
        : failed('problem', missingModules.join(', '), `sudo modprobe -a ${missingModules.join(' ')}`),
    overlay: hasOverlay ? passed('') : failed('problem', '', 'sudo modprobe overlay'),
    seccomp: hasSeccompProfile ? passed('') : failed('note', '', install(facts, 'golang-github-containers-common')),
  }
}

/** Root alone loads profiles; a kernel without AppArmor has nothing to be told of. */
function judgeAppArmor(facts: MachineFacts): Partial<Record<Check['id'], Judgement>> {
  if (!facts.hasAppArmor) return {}
  const { apparmor_parser: parser } = facts.tools
  return {
    appArmor: parser.path ? passed(parser.version || parser.path) : failed('note', '', install(facts, 'apparmor')),
  }
}

function judgeRootless(facts: MachineFacts): Partial<Record<Check['id'], Judgement>> {
  const { userNamespaces, subordinateIds, tools, tun, user, isLingering } = facts
  const { uids, gids, free: freeIds } = subordinateIds
  const egress = tools.slirp4netns.path ? tools.slirp4netns : tools.pasta
  return {
    userNamespaces: userNamespaces.works
      ? passed('')
      : failed('problem', userNamespaces.message, USER_NAMESPACE_COMMANDS[userNamespaces.forbiddenBy]),
    subordinateIds:
      Math.min(uids, gids) >= NEEDED_IDS
        ? passed(`${uids} / ${gids}`)
        : failed(
            'problem',
            `${uids} / ${gids}`,
            `sudo usermod --add-subuids ${freeIds} --add-subgids ${freeIds} ${user}`,
          ),
    idMapTools: facts.canMapIds ? passed('') : failed('problem', '', install(facts, 'uidmap')),
    egress: egress.path ? passed(egress.version || egress.path) : failed('note', '', install(facts, 'slirp4netns')),
    tun:
      tun === 'ok'
        ? passed('')
        : failed('note', tun, tun === 'denied' ? 'sudo chmod 0666 /dev/net/tun' : 'sudo modprobe tun'),
    ...(isLingering === null
      ? {}
      : { lingering: isLingering ? passed('') : failed('note', '', `loginctl enable-linger ${user}`) }),
  }
}

/** Root limits in every layout; others need controllers of their own, which only the unified layout can give. */
function judgeCgroups({ mode, cgroups, isLingering, user }: MachineFacts): Judgement {
  const { layout, delegated, hasManager } = cgroups
  if (mode === 'rootful') return layout === 'none' ? failed('note', layout) : passed(layout)
  const missing = CONTROLLERS.filter((name) => !delegated.includes(name))
  if (layout === 'v2' && missing.length === 0) return passed(delegated.join(', '))
  if (layout !== 'v2' || isLingering === null) return failed('note', layout)
  // Lingering starts the manager; what a session lacks then is the way to it, XDG_RUNTIME_DIR.
  return failed('note', layout, hasManager ? DELEGATE : `sudo loginctl enable-linger ${user}`)
}

/** The default network cannot be removed: what mends that is the other side's to do. */
function judgeNetworks({ conflicts, context }: MachineFacts): Judgement {
  if (conflicts.length === 0) return passed('')
  const found = conflicts.map(({ network, subnet, route }) => `${network} ${subnet} ↔ ${route}`).join(', ')
  const removable = [...new Set(conflicts.map(({ network }) => network))].filter((network) => network !== 'bridge')
  return failed(
    'note',
    found,
    removable.length > 0 ? `docker --context ${context} network rm ${removable.join(' ')}` : '',
  )
}

function judgeSocket({ user }: MachineFacts, { path: file, state, by }: SocketFact): Judgement {
  const found = by ? `${file} (${by})` : file
  if (state === 'free' || state === 'own') return passed(found)
  const command = {
    'too-long': 'export XDG_RUNTIME_DIR=/run/user/$(id -u)',
    denied: `sudo chown ${user} ${path.dirname(file)}`,
    'no-socket': `rm -r ${file}`,
    taken: by.startsWith('Docker') ? 'systemctl --user disable --now docker.service docker.socket' : '',
  }[state]
  return failed('note', found, command)
}

function judgeDisk({ freeBytes }: MachineFacts): Judgement {
  const found = `${(freeBytes / 1e9).toFixed(1)} GB`
  if (freeBytes >= SCARCE_BYTES) return passed(found)
  return failed(freeBytes < FULL_BYTES ? 'problem' : 'note', found)
}

function install({ packageManager }: MachineFacts, name: string): string {
  if (packageManager === '') return ''
  return `${INSTALL[packageManager]} ${PACKAGES[name]?.[packageManager] ?? name}`
}
