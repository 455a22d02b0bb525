import { spawn } from 'node:child_process'
import type { ProcessRef } from '../../host/host.ts'
import { readStartTicks } from '../libc/process.ts'

/** A process that joins the inner network namespace to the outside. */
export interface EgressHelper extends ProcessRef {
  readonly kind: (typeof TOOLS)[number]['kind']
}

/** How long one must have lived to count as started. */
const START_MS = 300
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
      // As slirp4netns has it. With this machine's own address inside, containers would not reach this machine by it.
      '--ns-ifname',
      'tap0',
      '--address',
      '10.0.2.100',
      '--netmask',
      '24',
      '--gateway',
      '10.0.2.2',
      '--dns-forward',
      '10.0.2.3',
      '--quiet',
      '--netns',
      netns,
    ],
  },
] as const

/** Starts the first helper that this machine has and that stays; `null` when there is none. It outlives the keeper. */
export async function startEgressHelper(netnsPath: string): Promise<EgressHelper | null> {
  for (const { kind, argv } of TOOLS) {
    const [command = '', ...args] = argv(netnsPath)
    const child = spawn(command, args, { stdio: 'ignore', detached: true })
    const isUp = await new Promise<boolean>((resolve) => {
      child.once('error', () => resolve(false))
      child.once('exit', () => resolve(false))
      setTimeout(() => resolve(true), START_MS)
    })
    if (!isUp || !child.pid) continue
    child.unref()
    return { pid: child.pid, startTicks: readStartTicks(child.pid), kind }
  }
  return null
}
