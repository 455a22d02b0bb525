import { existsSync, readFileSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { getSystemErrorMap } from 'node:util'
import { EngineError, type WireError } from '../../contract/errors.ts'
import type { Host, VolumeMount } from '../../host/host.ts'
import { run } from '../exec.ts'
import {
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
  MS_SLAVE,
  mountFileSystem,
  restrictMount,
  setPropagation,
  unmount,
} from '../libc/mount.ts'
import { listMounts } from '../mounts.ts'
import type { WorkerEntry } from '../unpack/worker-pool.ts'
import { readMountOptions, withoutPassword } from './mount-options.ts'
import { resolveServer } from './resolve-server.ts'

/** A server that does not answer holds the kernel for minutes. */
const MOUNT_SECONDS = 120

/*
 *   keeper ── tmpfs, bind ──► mount(2)
 *      │
 *      └── any other ──► node keeper.mjs mount-worker   VolumeMount as JSON on stdin, an error's WireError on stdout
 *
 * The worker is in the keeper's namespaces, so what it mounts is there when it has ended. Only it waits for a server.
 */

/** The Host's calls for volumes that are mounted. */
export function createVolumeHost({
  entry,
  rootless,
}: {
  readonly entry: WorkerEntry
  readonly rootless: boolean
}): Pick<Host, 'mountVolume' | 'unmountVolume'> {
  return {
    async mountVolume(params, context) {
      if (isMounted(params.target)) return
      try {
        if (params.type === 'tmpfs' || isBind(params)) mountNow(params, { rootless })
        else await mountElsewhere(entry, await resolveServer(params), context?.signal)
      } catch (error) {
        unmountVolume(params.target)
        throw error
      }
    },
    unmountVolume: async ({ target }) => unmountVolume(target),
  }
}

/** The worker's whole life. */
export async function runMountWorker(): Promise<void> {
  try {
    mountNow(JSON.parse(await readAll(process.stdin)) as VolumeMount, { rootless: false })
  } catch (error) {
    process.stdout.write(JSON.stringify(EngineError.from(error).toWire()))
  }
}

async function mountElsewhere(entry: WorkerEntry, mount: VolumeMount, signal?: AbortSignal): Promise<void> {
  const { stdout } = await run([entry.command, ...entry.args, 'mount-worker'], {
    env: entry.env,
    input: JSON.stringify(mount),
    timeoutSeconds: MOUNT_SECONDS,
    signal,
  }).catch((cause: unknown) => {
    throw refusal(mount, EngineError.from(cause).code === 'deadline' ? 'no answer in time' : String(cause), cause)
  })
  if (stdout !== '') throw EngineError.fromWire(JSON.parse(stdout) as WireError)
}

const isBind = ({ options }: VolumeMount) => (readMountOptions(options).flags & MS_BIND) !== 0

function mountNow(mount: VolumeMount, { rootless }: { readonly rootless: boolean }): void {
  const { flags, propagations, data } = readMountOptions(mount.options)
  const bind = (flags & MS_BIND) !== 0
  if (mount.device === '') throw refusal(mount, 'missing device in volume options')
  if (bind && !path.isAbsolute(mount.device)) throw refusal(mount, 'the device of a bind is not an absolute path')
  // What is mounted below a folder of this machine hides files there: a user namespace may not leave it out.
  const errno = mountFileSystem(mount, bind && rootless ? flags | MS_REC : flags, data)
  if (errno !== 0) throw refusal(mount, getSystemErrorMap().get(-errno)?.[1] ?? `error ${errno}`)
  // Else, when this one is taken away, what is mounted below it would be taken away where it comes from too.
  const asked = bind && propagations.length === 0 ? [MS_SLAVE | MS_REC] : propagations
  for (const propagation of asked) setPropagation(mount.target, propagation)
  // A bind is made with the rights of what it shows.
  if (bind && flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)) restrictMount(mount.target, flags)
}

/** Unmounts whatever is on the folder. */
function unmountVolume(target: string): void {
  while (isMounted(target) && unmount(target));
}

function isMounted(target: string): boolean {
  const folder = path.dirname(target)
  if (!existsSync(folder)) return false
  // The mount itself is not looked at: its server may be gone.
  const real = realpathSync(folder)
  const points = listMounts(readFileSync('/proc/self/mountinfo', 'utf8'), real)
  return points.includes(path.join(real, path.basename(target)))
}

/** Docker's words, with the file system's type. */
function refusal({ device, target, type, options }: VolumeMount, why: string, cause?: unknown): EngineError {
  const how = `type: ${type}${options === '' ? '' : `, o: ${withoutPassword(options)}`}`
  return new EngineError(
    'internal',
    'volume.not-mounted',
    `failed to mount local volume: mount ${device}:${target}, ${how}: ${why}`,
    { cause },
  )
}
