import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { isMainThread, workerData } from 'node:worker_threads'
import { EngineError } from '../contract/errors.ts'
import { collectWhenCalm } from '../host/calm-collection.ts'
import { HOST_PROTOCOL, type Host, type HostEvent } from '../host/host.ts'
import { serveHost } from '../host/serve.ts'
import { createConfinement } from './apparmor/confinement.ts'
import { createArchiveHost } from './archive/archive-calls.ts'
import { runArchiveWorker } from './archive/worker.ts'
import { detectCgroup } from './cgroup-layout.ts'
import { createContainerHost } from './containers/shim/host.ts'
import { runAttachRelay } from './containers/shim/relay-worker.ts'
import { run } from './exec.ts'
import { findTool } from './find-tool.ts'
import { takeGroups } from './groups.ts'
import { takeLock } from './libc/lock.ts'
import { mountOverlay, unmount } from './libc/mount.ts'
import { bindInRoot, listMounts, mountShm, releaseMounts } from './mounts.ts'
import { runDns } from './network/dns/worker.ts'
import { startEgress } from './network/egress.ts'
import { runCapture } from './network/inspect/capture-worker.ts'
import { runProbe } from './network/inspect/probe-worker.ts'
import { createNetworkHost } from './network/network-host.ts'
import { runPortProxy } from './network/proxy/worker.ts'
import { runSandboxes } from './network/sandbox/worker.ts'
import { removeHalfWritten } from './state-file.ts'
import { listTraces } from './traces.ts'
import { createImageHost } from './unpack/image-calls.ts'
import { runUnpackWorker } from './unpack/unpack-worker.ts'
import { createVolumeHost, runMountWorker } from './volumes/mount-volume.ts'

/*
 * One bundled file, several roles:
 *
 *   node keeper.mjs --runtime-dir DIR --mode MODE [--runtime NAME] [--scope UNIT]   the keeper
 *   node keeper.mjs unpack-worker                   unpacks one layer, then ends
 *   node keeper.mjs archive-worker                  packs or unpacks files of one container, then ends
 *   node keeper.mjs mount-worker                    mounts one volume, then ends
 *   thread, role attach-relay | port-proxy | dns | sandboxes | probe | capture   see those files
 */
const role = isMainThread ? process.argv[2] : (workerData as { role?: string } | null)?.role
if (role === 'attach-relay') runAttachRelay()
else if (role === 'port-proxy') runPortProxy()
else if (role === 'dns') runDns()
else if (role === 'sandboxes') runSandboxes()
else if (role === 'probe') void runProbe()
else if (role === 'capture') runCapture()
else if (role === 'unpack-worker') void runUnpackWorker()
else if (role === 'archive-worker') void runArchiveWorker()
else if (role === 'mount-worker') void runMountWorker()
else void serve()

async function serve(): Promise<void> {
  const option = (name: string) => {
    const index = process.argv.indexOf(name)
    return index < 0 ? '' : (process.argv[index + 1] ?? '')
  }
  const runtimeDir = option('--runtime-dir')
  const rootless = option('--mode') === 'rootless'
  const stateFolder = path.join(runtimeDir, 'keeper')
  const keeperFile = path.resolve(process.argv[1] ?? '')
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
  // Two engines that start at once both start a keeper: one of them serves both.
  if (!takeLock(path.join(runtimeDir, 'keeper.lock'))) process.exit(0)
  removeHalfWritten(stateFolder)

  const groups = takeGroups(rootless ? option('--scope') : null)
  const runtime = findRuntime(option('--runtime'))
  const listeners = new Set<PassThrough>()
  const onEvent = (event: HostEvent) => {
    for (const listener of listeners) listener.write(Buffer.from(JSON.stringify(event)))
  }
  const confinement = createConfinement({ rootless })
  // Nobody waits for it here; whoever asks for it waits for this same work.
  void confinement.settle()
  const egress = rootless
    ? await startEgress(stateFolder)
    : { netnsPath: '', kind: () => 'kernel' as const, warnings: () => [], stop: async () => {} }
  const containers = createContainerHost({
    stateFolder,
    rootless,
    runtime,
    conmon: findTool('conmon') || 'conmon',
    cgroupManager: 'cgroupfs',
    entry: { file: keeperFile },
    onEvent,
  })
  const network = createNetworkHost({ stateFolder, keeperFile, bridgeNetns: egress.netnsPath, onEvent })
  await network.restore()
  const { close: closeContainers, ...containerCalls } = containers
  const { close: closeNetwork, restore: _, ...networkCalls } = network
  const runtimeVersion = (await run([runtime, '--version'])).stdout.split('\n')[0]?.replace('version ', '') ?? runtime

  const entry = { command: process.execPath, args: [keeperFile], env: process.env }
  const host: Host = {
    ...createImageHost({ entry, mode: rootless ? 'rootless' : 'rootful' }),
    ...createArchiveHost({ entry, rootless }),
    ...containerCalls,
    ...networkCalls,
    ...createVolumeHost({ entry, rootless }),
    mountOverlay: async (params) => mountOverlay({ ...params, userxattr: rootless }),
    unmount: async ({ target }) => void unmount(target),
    mountShm: async (params) => mountShm(params),
    bindInRoot: async (params) => bindInRoot(params),
    releaseMounts: async ({ folder }) => releaseMounts(folder),
    listTraces: async () => listTraces(stateFolder),
    listMounts: async ({ folder }) => listMounts(readFileSync('/proc/self/mountinfo', 'utf8'), folder),
    ensureProfile: confinement.ensureProfile,
    info: async () => {
      const { appArmor, warning } = await confinement.settle()
      return {
        protocol: HOST_PROTOCOL,
        version: '0.1.0',
        pid: process.pid,
        mode: rootless ? 'rootless' : 'rootful',
        kernel: os.release(),
        cgroup: detectCgroup(),
        cgroupRoot: groups.root,
        controllers: groups.controllers,
        innerNetns: egress.netnsPath,
        cpus: os.cpus().length,
        memoryBytes: os.totalmem(),
        runtime: runtimeVersion,
        egress: egress.kind(),
        appArmor,
        warnings: [
          ...egress.warnings(),
          ...(groups.controllers.length === 0
            ? ['containers have no limits: no control groups are delegated here; --doctor says how to get them']
            : []),
          ...(warning ? [warning] : []),
        ],
      }
    },
    shutdown: async () => {
      await Promise.all([closeContainers(), closeNetwork()])
      await egress.stop()
      // The answer must still leave; who waits for the end waits for the socket to go.
      setTimeout(() => {
        rmSync(socketPath, { force: true })
        if (readPid(pidFile) === process.pid) rmSync(pidFile, { force: true })
        process.exit(0)
      }, 20)
    },
    events: async () => {
      const listener = new PassThrough({ objectMode: true })
      listeners.add(listener)
      listener.on('close', () => listeners.delete(listener))
      return listener
    },
  }

  const socketPath = path.join(runtimeDir, 'keeper.sock')
  const pidFile = path.join(runtimeDir, 'keeper.pid')
  // An exit waits for threads, and ours wait for the kernel. All that must be kept is kept at every moment anyway.
  process.on('SIGTERM', () => process.kill(process.pid, 'SIGKILL'))
  rmSync(socketPath, { force: true })
  const server = net.createServer((socket) => serveHost(host, socket))
  process.umask(0o077)
  server.listen(socketPath, () => writeFileSync(pidFile, String(process.pid)))
  process.umask(0o022)
  collectWhenCalm()
}

function readPid(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}

/** Path of the runtime asked for, or of what is there: runc first. */
function findRuntime(name: string): string {
  const found = (name ? [name] : ['runc', 'crun']).map(findTool).find(Boolean)
  if (found || !name) return found ?? 'runc'
  throw new EngineError('unavailable', 'runtime.missing', `${name} was asked for and is not installed`)
}
