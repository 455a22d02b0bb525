import { describe, expect, it, test } from 'vitest'
import { CHECK_TEXTS, CHECKS } from '../../../engine/contract/doctor.ts'
import type { MachineFacts } from '../../../engine/lib/machine-facts.ts'
import { judgeMachine } from '../../../engine/service/doctor/judge.ts'

const here = (name: string) => ({ path: `/usr/bin/${name}`, version: `${name} 1.0` })
const missing = { path: '', version: '' }
const tools = {
  runc: here('runc'),
  crun: missing,
  conmon: here('conmon'),
  ip: here('ip'),
  nft: here('nft'),
  slirp4netns: here('slirp4netns'),
  pasta: missing,
  busybox: here('busybox'),
  apparmor_parser: missing,
}
/** A desktop on which everything is as it should be. */
const healthy: MachineFacts = {
  mode: 'rootless',
  user: 'mina',
  packageManager: 'apt-get',
  tools,
  canMapIds: true,
  missingModules: [],
  hasOverlay: true,
  hasSeccompProfile: true,
  initProgram: '/usr/bin/catatonit',
  hasAppArmor: true,
  userNamespaces: { works: true, message: '', forbiddenBy: '' },
  subordinateIds: { uids: 65_536, gids: 65_536, free: '165536-231071' },
  tun: 'ok',
  cgroups: { layout: 'v2', hasManager: true, delegated: ['cpu', 'memory', 'pids'] },
  isLingering: true,
  freeBytes: 50e9,
  freeSubnet: '172.18.0.0/16',
  conflicts: [],
  context: 'slipway',
  socket: { path: '/run/user/1000/slipway/docker.sock', state: 'own', by: '' },
  clientSocket: { path: '/run/user/1000/docker.sock', state: 'free', by: '' },
}
const at = (state: MachineFacts['socket']['state'], by = '') => ({ path: '/run/own/docker.sock', state, by })
const judge = (change: Partial<MachineFacts> = {}) => judgeMachine({ ...healthy, ...change }).checks
/** What did not pass: state and command by check. */
const complaints = (change: Partial<MachineFacts>) =>
  Object.fromEntries(
    judge(change)
      .filter(({ state }) => state !== 'passed')
      .map(({ id, state, command }) => [id, `${state}: ${command}`]),
  )

/** Root alone loads profiles. */
const OF_USERS = CHECKS.filter((id) => id !== 'appArmor')

describe('a machine check', () => {
  it('passes everything on a healthy desktop, and asks an ordinary user for what root does not need', () => {
    expect(judge().map(({ state }) => state)).toEqual(OF_USERS.map(() => 'passed'))
    const asked = judge({ mode: 'rootful' }).map(({ id }) => id)
    expect(CHECKS.filter((id) => !asked.includes(id))).toEqual([
      'userNamespaces',
      'subordinateIds',
      'idMapTools',
      'egress',
      'tun',
      'lingering',
    ])
  })

  it('tells them in the order of what builds on what', () => {
    expect(judge().map(({ id }) => id)).toEqual(OF_USERS)
  })

  it('asks root for the tool that loads profiles, where the kernel has AppArmor', () => {
    const asRoot = (change: Partial<MachineFacts>) =>
      judge({ mode: 'rootful', ...change }).find(({ id }) => id === 'appArmor')
    expect(asRoot({})).toMatchObject({ state: 'note', command: 'sudo apt-get install -y apparmor' })
    expect(asRoot({ packageManager: 'zypper' })?.command).toBe('sudo zypper install -y apparmor-parser')
    expect(asRoot({ tools: { ...tools, apparmor_parser: here('apparmor_parser') } })).toMatchObject({ state: 'passed' })
    expect(asRoot({ hasAppArmor: false })).toBeUndefined()
  })

  test.each([
    ['no runtime', { tools: { ...tools, runc: missing } }, { runtime: 'problem: sudo apt-get install -y runc' }],
    ['no conmon', { tools: { ...tools, conmon: missing } }, { conmon: 'problem: sudo apt-get install -y conmon' }],
    ['no ip', { tools: { ...tools, ip: missing } }, { ip: 'problem: sudo apt-get install -y iproute2' }],
    ['no nft', { tools: { ...tools, nft: missing } }, { nft: 'problem: sudo apt-get install -y nftables' }],
    ['no modules', { missingModules: ['veth', 'nf_nat'] }, { modules: 'problem: sudo modprobe -a veth nf_nat' }],
    ['no overlay', { hasOverlay: false }, { overlay: 'problem: sudo modprobe overlay' }],
    [
      'no profile',
      { hasSeccompProfile: false },
      { seccomp: 'note: sudo apt-get install -y golang-github-containers-common' },
    ],
    ['no init', { initProgram: '' }, { init: 'note: sudo apt-get install -y catatonit' }],
    [
      'namespaces kept from users by AppArmor',
      { userNamespaces: { works: false, message: 'write failed', forbiddenBy: 'apparmor' } },
      { userNamespaces: 'problem: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0' },
    ],
    [
      'namespaces switched off',
      { userNamespaces: { works: false, message: '', forbiddenBy: 'maximum' } },
      { userNamespaces: 'problem: sudo sysctl -w user.max_user_namespaces=28633' },
    ],
    [
      'too few ids of one kind',
      { subordinateIds: { uids: 65_536, gids: 1000, free: '165536-231071' } },
      { subordinateIds: 'problem: sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 mina' },
    ],
    ['no map tools', { canMapIds: false }, { idMapTools: 'problem: sudo apt-get install -y uidmap' }],
    [
      'no way out',
      { tools: { ...tools, slirp4netns: missing } },
      { egress: 'note: sudo apt-get install -y slirp4netns' },
    ],
    ['a tunnel device for root only', { tun: 'denied' }, { tun: 'note: sudo chmod 0666 /dev/net/tun' }],
    ['no tunnel device', { tun: 'missing' }, { tun: 'note: sudo modprobe tun' }],
    ['no lingering', { isLingering: false }, { lingering: 'note: loginctl enable-linger mina' }],
    ['no systemd', { isLingering: null }, {}],
    ['a hybrid layout', { cgroups: { layout: 'hybrid', hasManager: true, delegated: [] } }, { cgroups: 'note: ' }],
    [
      'no user manager',
      { cgroups: { layout: 'v2', hasManager: false, delegated: [] } },
      { cgroups: 'note: sudo loginctl enable-linger mina' },
    ],
    ['no free subnet', { freeSubnet: '' }, { subnets: 'note: ' }],
    [
      'a socket of a long path',
      { socket: at('too-long') },
      { socket: 'note: export XDG_RUNTIME_DIR=/run/user/$(id -u)' },
    ],
    ['a socket in another’s folder', { socket: at('denied') }, { socket: 'note: sudo chown mina /run/own' }],
    ['a file for a socket', { socket: at('no-socket', 'uid 0') }, { socket: 'note: rm -r /run/own/docker.sock' }],
    [
      'a dockerd where clients look',
      { clientSocket: at('taken', 'Docker/28.5 (linux)') },
      { clientSocket: 'note: systemctl --user disable --now docker.service docker.socket' },
    ],
    ['another server', { clientSocket: at('taken', 'Libpod/5') }, { clientSocket: 'note: ' }],
    ['no place where clients look', { clientSocket: null }, {}],
    [
      'networks that a route leads into',
      { conflicts: ['web', 'bridge'].map((network) => ({ network, subnet: '10.8.0.0/16', route: '10.8.0.0/24' })) },
      { networks: 'note: docker --context slipway network rm web' },
    ],
    ['little room', { freeBytes: 1e9 }, { disk: 'note: ' }],
    ['no room', { freeBytes: 1e6 }, { disk: 'problem: ' }],
    [
      'no busybox',
      { tools: { ...tools, busybox: missing } },
      { starter: 'note: sudo apt-get install -y busybox-static' },
    ],
  ] satisfies [string, Partial<MachineFacts>, Record<string, string>][])('names what mends %s', (_, change, wanted) => {
    expect(complaints(change)).toEqual(wanted)
  })

  it('is content with crun, and with pasta', () => {
    expect(complaints({ tools: { ...tools, runc: missing, crun: here('crun') } })).toEqual({})
    expect(complaints({ tools: { ...tools, slirp4netns: missing, pasta: here('pasta') } })).toEqual({})
  })

  it('asks systemd for the controllers that a session lacks', () => {
    const { cgroups = '' } = complaints({ cgroups: { layout: 'v2', hasManager: true, delegated: ['memory', 'pids'] } })
    expect(cgroups).toMatch(/^note: .*Delegate=cpu cpuset io memory pids.*daemon-reload$/)
  })

  test.each([
    ['dnf', 'sudo dnf install -y shadow-utils'],
    ['pacman', 'sudo pacman -S --noconfirm shadow'],
    ['zypper', 'sudo zypper install -y shadow'],
    ['', ''],
  ] as const)('names the package as %s knows it', (packageManager, command) => {
    expect(judge({ packageManager, canMapIds: false }).find(({ id }) => id === 'idMapTools')).toMatchObject({ command })
  })

  it('has a cause and a cost to tell for each', () => {
    expect(Object.keys(CHECK_TEXTS)).toEqual([...CHECKS])
  })
})
