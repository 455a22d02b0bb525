import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { run } from '../exec.ts'
import { unmount } from '../libc/mount.ts'
import { readStateFile, writeStateFile } from '../state-file.ts'

/** The inner network namespace of rootless mode and its way out. */
export interface Egress {
  readonly netnsPath: string
  readonly kind: 'pasta' | 'slirp4netns' | 'none'
  stop(): Promise<void>
}

const TOOLS = [
  {
    kind: 'slirp4netns',
    argv: (netns: string) => [
      'slirp4netns',
      '--configure',
      '--mtu=65520',
      '--disable-host-loopback',
      '--netns-type=path',
      netns,
      'tap0',
    ],
  },
  {
    kind: 'pasta',
    argv: (netns: string) => [
      'pasta',
      '--config-net',
      '-f',
      '-t',
      'none',
      '-u',
      'none',
      '-T',
      'none',
      '-U',
      'none',
      '--no-map-gw',
      '--quiet',
      '--netns',
      netns,
    ],
  },
] as const

/** Makes the inner namespace, or finds it, and sees to it that a helper joins it to the outside. */
export async function startEgress(stateFolder: string): Promise<Egress> {
  const netnsPath = path.join(stateFolder, 'inner-netns')
  const pidFile = path.join(stateFolder, 'egress.json')
  await mkdir(stateFolder, { recursive: true })
  if (!(await isNamespace(netnsPath))) {
    await writeFile(netnsPath, '')
    await run(['unshare', `--net=${netnsPath}`, 'true'])
    await run(['nsenter', `--net=${netnsPath}`, 'ip', 'link', 'set', 'lo', 'up'])
  }
  const kept = readStateFile<{ pid: number; kind: Egress['kind'] }>(pidFile)
  const kind = kept && existsSync(`/proc/${kept.pid}`) ? kept.kind : await launch(netnsPath, pidFile)
  return {
    netnsPath,
    kind,
    async stop() {
      const { pid } = readStateFile<{ pid: number }>(pidFile) ?? { pid: 0 }
      if (pid > 0 && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGTERM')
      await rm(pidFile, { force: true })
      unmount(netnsPath)
      await rm(netnsPath, { force: true })
    },
  }
}

async function launch(netnsPath: string, pidFile: string): Promise<Egress['kind']> {
  for (const tool of TOOLS) {
    const [command = '', ...args] = tool.argv(netnsPath)
    const child = spawn(command, args, { stdio: 'ignore', detached: true })
    const isUp = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false))
      child.once('exit', () => resolve(false))
      setTimeout(() => resolve(true), 300)
    })
    if (!isUp || !child.pid) continue
    child.unref()
    writeStateFile(pidFile, { pid: child.pid, kind: tool.kind })
    return tool.kind
  }
  return 'none'
}

async function isNamespace(netnsPath: string): Promise<boolean> {
  if (!existsSync(netnsPath)) return false
  const { exitCode } = await run(['nsenter', `--net=${netnsPath}`, 'true'], { okExitCodes: [0, 1, 127] })
  return exitCode === 0
}
