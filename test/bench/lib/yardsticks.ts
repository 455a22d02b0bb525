import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Another engine on this machine, measured in the same run. */
export interface Yardstick {
  readonly name: string
  /** argv of its command-line client, to which a subcommand is added. */
  readonly client: readonly string[]
  /** What its `run` needs beside on a machine with low hard limits. */
  readonly runFlags: readonly string[]
  stop(): Promise<void>
}

const BRIDGE_FILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables'
const PODMAN_BRIDGE = '/sys/class/net/cni-podman0'
const has = (tool: string): boolean => spawnSync('which', [tool]).status === 0

/** A dockerd of our own: data, sockets and pid file in a folder of its own, its own bridge. */
export async function startDockerd(): Promise<Yardstick | null> {
  if (!has('dockerd') || process.getuid?.() !== 0) return null
  const folder = mkdtempSync('/tmp/slb-')
  const socket = path.join(folder, 'docker.sock')
  const bridge = `slb${process.pid % 100_000}`
  const restoreFirewall = keepFirewall()
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge'])
  execFileSync('ip', ['addr', 'add', '172.31.250.1/24', 'dev', bridge])
  execFileSync('ip', ['link', 'set', bridge, 'up'])
  const argv = [
    '--data-root',
    path.join(folder, 'data'),
    '--exec-root',
    path.join(folder, 'exec'),
    '--pidfile',
    path.join(folder, 'pid'),
    '--host',
    `unix://${socket}`,
    '--bridge',
    bridge,
  ]
  const daemon = spawn('dockerd', argv, { stdio: 'ignore' })
  const stop = async () => {
    await end(daemon)
    spawnSync('ip', ['link', 'del', bridge])
    restoreFirewall()
    spawnSync('umount', ['-l', ...mountsUnder(folder)])
    rmSync(folder, { recursive: true, force: true })
  }
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (existsSync(socket) && spawnSync('docker', ['--host', `unix://${socket}`, 'version']).status === 0)
      return { name: 'dockerd', client: ['docker', '--host', `unix://${socket}`], runFlags: [], stop }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await stop()
  return null
}

/** podman with storage of its own. */
export async function startPodman(): Promise<Yardstick | null> {
  if (!has('podman')) return null
  const folder = mkdtempSync('/tmp/slp-')
  const hadBridge = existsSync(PODMAN_BRIDGE)
  mkdirSync(path.join(folder, 'run'))
  const client = [
    'podman',
    '--root',
    path.join(folder, 'data'),
    '--runroot',
    path.join(folder, 'run'),
    '--cgroup-manager',
    'cgroupfs',
    // crun, which it would take where both are there, refuses the hybrid layout.
    ...(has('runc') ? ['--runtime', 'runc'] : []),
  ]
  return {
    name: 'podman',
    client,
    runFlags: ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'],
    stop: async () => {
      spawnSync(client[0] as string, [...client.slice(1), 'system', 'reset', '--force'])
      if (!hadBridge && existsSync(PODMAN_BRIDGE)) spawnSync('ip', ['link', 'del', path.basename(PODMAN_BRIDGE)])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Remembers what dockerd changes of the machine's firewall and does not take back; the answer takes it back. */
function keepFirewall(): () => void {
  const tables = tablesOf()
  const rules = spawnSync('iptables-save', { encoding: 'utf8' }).stdout ?? ''
  const filtersBridges = existsSync(BRIDGE_FILTER) ? readFileSync(BRIDGE_FILTER, 'utf8') : '0'
  return () => {
    spawnSync('iptables-restore', { input: rules })
    for (const table of tablesOf())
      if (!tables.includes(table)) spawnSync('nft', ['delete', 'table', ...table.split(' ')])
    if (existsSync(BRIDGE_FILTER)) writeFileSync(BRIDGE_FILTER, filtersBridges)
  }
}

/** dockerd's tables, as `ip nat`. */
const tablesOf = (): string[] =>
  spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => line.replace(/^table /, ''))
    .filter((table) => /^ip6? (nat|filter|mangle|raw)$/.test(table))

function mountsUnder(folder: string): string[] {
  const { stdout } = spawnSync('findmnt', ['-rno', 'TARGET'], { encoding: 'utf8' })
  return stdout.split('\n').filter((target) => target.startsWith(folder))
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
