import { z } from 'zod'

export const CHECKS = [
  'runtime',
  'conmon',
  'ip',
  'nft',
  'modules',
  'overlay',
  'seccomp',
  'appArmor',
  'userNamespaces',
  'subordinateIds',
  'idMapTools',
  'egress',
  'tun',
  'lingering',
  'cgroups',
  'subnets',
  'networks',
  'socket',
  'clientSocket',
  'disk',
  'init',
  'starter',
] as const

/** One thing that a machine needs to run containers well. */
export const Check = z.object({
  id: z.enum(CHECKS),
  /** `note`: containers run, and something is missing. `problem`: they do not run. */
  state: z.enum(['passed', 'note', 'problem']),
  /** What was found, as the machine has it: a version, a path, a message. */
  found: z.string(),
  /** One command that mends it; empty where there is none. */
  command: z.string(),
})
export type Check = z.output<typeof Check>

/** All checks, in the order of what builds on what. */
export const DoctorReport = z.object({ mode: z.enum(['rootful', 'rootless']), checks: z.array(Check) })
export type DoctorReport = z.output<typeof DoctorReport>

/** What each check is about, why it fails, and what that costs. */
export const CHECK_TEXTS: Readonly<
  Record<Check['id'], { readonly title: string; readonly cause: string; readonly cost: string }>
> = {
  runtime: {
    title: 'Container runtime (runc)',
    cause: 'Neither runc nor crun is installed.',
    cost: 'No container can start.',
  },
  conmon: { title: 'Container monitor (conmon)', cause: 'conmon is not installed.', cost: 'No container can start.' },
  ip: { title: 'Network tools (iproute2)', cause: 'ip is not installed.', cost: 'Containers get no network.' },
  nft: { title: 'Packet filter (nftables)', cause: 'nft is not installed.', cost: 'Containers get no network.' },
  modules: {
    title: 'Kernel modules',
    cause: 'This kernel has no module for some kinds of device.',
    cost: 'Networks that need them cannot be made.',
  },
  overlay: {
    title: 'Layers (overlayfs)',
    cause: 'This kernel has no overlay file system.',
    cost: 'No container can start.',
  },
  seccomp: {
    title: 'System call filter (seccomp)',
    cause: 'The profile of the distribution is not installed.',
    cost: 'Containers run without a filter of system calls, which is less safe.',
  },
  appArmor: {
    title: 'AppArmor profile (apparmor_parser)',
    cause: 'The kernel has AppArmor, and the tool that loads a profile is not installed.',
    cost: 'Containers run without an AppArmor profile, which is less safe.',
  },
  userNamespaces: {
    title: 'User namespaces',
    cause: 'This system keeps ordinary users from making user namespaces.',
    cost: 'Nothing can run without root.',
  },
  subordinateIds: {
    title: 'Subordinate IDs',
    cause: 'This user has fewer than 65,536 of them in /etc/subuid and /etc/subgid.',
    cost: 'Images whose files have several owners cannot be unpacked.',
  },
  idMapTools: {
    title: 'ID mapping tools (newuidmap, newgidmap)',
    cause: 'They are not installed, or may not do their work.',
    cost: 'Nothing can run without root.',
  },
  egress: {
    title: 'Way out (slirp4netns or pasta)',
    cause: 'Neither is installed.',
    cost: 'Containers reach nothing outside of this machine.',
  },
  tun: {
    title: 'Tunnel device (/dev/net/tun)',
    cause: 'Ordinary users may not open it.',
    cost: 'Containers reach nothing outside of this machine.',
  },
  lingering: {
    title: 'Running on after logout (lingering)',
    cause: 'The system ends everything of a user when the last session ends.',
    cost: 'Containers stop when you log out.',
  },
  cgroups: {
    title: 'Limits (control groups)',
    cause: 'This session has no control groups of its own for memory, CPU and processes.',
    cost: 'Containers run, but limits are refused and pausing is not possible.',
  },
  subnets: {
    title: 'Free subnets',
    cause: 'Networks and routes of this machine take up all private addresses.',
    cost: 'New networks need a subnet that you name.',
  },
  networks: {
    title: 'Networks apart from the host’s',
    cause: 'This machine has got a route, by a VPN or another network, to addresses that a network here gives out.',
    cost: 'Containers on that network do not reach those hosts, or the host does not reach the containers.',
  },
  socket: {
    title: 'Socket of the Docker API',
    cause: 'Its path is too long, may not be written, or is somebody else’s.',
    cost: 'The docker command and other programs do not reach this engine. The window does.',
  },
  clientSocket: {
    title: 'Socket where clients look by themselves',
    cause: 'Another engine, or a file of another program, is there.',
    cost: 'Docker clients that are told nothing talk to it rather than to this engine.',
  },
  disk: {
    title: 'Room on the disk',
    cause: 'There is little room where images and containers lie.',
    cost: 'Images cannot be pulled or imported.',
  },
  init: {
    title: 'Init program (catatonit, tini)',
    cause: 'No small init is installed that needs no libraries.',
    cost: 'Containers cannot be run with --init.',
  },
  starter: {
    title: 'Starter image (static busybox)',
    cause: 'busybox is not installed as a static program.',
    cost: 'The starter image cannot be made. Import or pull another.',
  },
}
