import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { run } from '../exec.ts'
import { unmount } from '../libc/mount.ts'
import { isAlive, signalProcess } from '../libc/process.ts'
import { readStateFile, writeStateFile } from '../state-file.ts'
import { type EgressHelper, startEgressHelper } from './egress-helper.ts'

const WATCH_MS = 1000
/** Between two tries at most. A helper that has lived longer is steady: the next is tried for at once. */
const LONGEST_WAIT_MS = 60_000

/** The inner network namespace of rootless mode and its way out. */
export interface Egress {
  readonly netnsPath: string
  /** What the way out goes by at the moment. */
  kind(): EgressHelper['kind'] | 'none'
  /** What a person should know of it; empty when all is well. */
  warnings(): readonly string[]
  stop(): Promise<void>
}

/** Makes the inner namespace, or finds it, and sees to it that a helper joins it to the outside as long as it is there. */
export async function startEgress(stateFolder: string): Promise<Egress> {
  const netnsPath = path.join(stateFolder, 'inner-netns')
  const file = path.join(stateFolder, 'egress.json')
  await mkdir(stateFolder, { recursive: true })
  if (!(await isNamespace(netnsPath))) {
    await writeFile(netnsPath, '')
    await run(['unshare', `--net=${netnsPath}`, 'true'])
    await run(['nsenter', `--net=${netnsPath}`, 'ip', 'link', 'set', 'lo', 'up'])
  }
  /** The last one that was; it may have ended, and another process may have its number. */
  let helper = readStateFile<EgressHelper>(file)
  let tries = 0
  let triedAt = 0
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const isThere = () => helper !== null && isAlive(helper)
  const ensure = async () => {
    const isSteady = Date.now() - triedAt > LONGEST_WAIT_MS
    if (isThere()) {
      if (isSteady) tries = 0
      return
    }
    triedAt = Date.now()
    tries += 1
    const started = await startEgressHelper(netnsPath)
    if (!started) return
    helper = started
    writeStateFile(file, started)
  }
  const watch = async (): Promise<void> => {
    // Where a process or a file cannot be made at the moment, the next look comes anyway.
    await ensure().catch(() => {})
    if (isStopped) return
    timer = setTimeout(
      () => {
        looking = watch()
      },
      Math.min(WATCH_MS * 2 ** tries, LONGEST_WAIT_MS),
    )
    timer.unref()
  }
  let looking = watch()
  await looking
  return {
    netnsPath,
    kind: () => (helper && isThere() ? helper.kind : 'none'),
    warnings() {
      if (isThere()) return []
      const what = helper
        ? `${helper.kind} ended and does not start again: see that it is installed and /dev/net/tun may be opened`
        : 'install pasta (passt) or slirp4netns'
      return [`containers reach nothing outside: ${what}`]
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await looking
      if (helper) signalProcess(helper, os.constants.signals.SIGTERM)
      await rm(file, { force: true })
      unmount(netnsPath)
      await rm(netnsPath, { force: true })
    },
  }
}

async function isNamespace(netnsPath: string): Promise<boolean> {
  if (!existsSync(netnsPath)) return false
  const { exitCode } = await run(['nsenter', `--net=${netnsPath}`, 'true'], { okExitCodes: [0, 1, 127] })
  return exitCode === 0
}
