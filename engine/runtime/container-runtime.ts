import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import type { ResourceLimits } from '../contract/container.ts'
import type { LogSettings } from '../contract/container-settings.ts'
import { EngineError } from '../contract/errors.ts'
import type { HealthcheckSpec } from '../contract/healthcheck.ts'
import type { CreatedContainer, Host, HostInfo, HostStats, OverlayMount, ProcessTable } from '../host/host.ts'
import { ociJson } from '../lib/oci-json.ts'
import type { Layout } from '../store/layout.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { chooseProfile, discardedProfile } from './apparmor.ts'
import { assembleSpec } from './assemble-spec.ts'
import { parseCapabilityMask, resolveCapabilities } from './capabilities.ts'
import { buildHosts, buildResolvConf, type HostsInput, parseExtraHost, type ResolvInput } from './files.ts'
import { readHostFile, readHostResolvers } from './host-resolvers.ts'
import { assertLimits, type CheckedLimits, checkLimits, type LimitFacts } from './limits.ts'
import { readLogLimits } from './log-options.ts'
import { addContainerEnv, mergeEnv } from './process.ts'
import { parseSecurityOptions } from './security.ts'
import { buildProcess, type NamespacePlaces } from './spec.ts'
import { blockIoWeight, buildLimits } from './spec-resources.ts'
import { resolveUser } from './user.ts'
import { writeInPlace } from './write-in-place.ts'

/** What the host tells of containers: plain data that the services above read. */
export type { HostEvent, HostInfo, HostStats, LiveContainer, ProcessTable } from '../host/host.ts'

/** The resolver that slirp4netns and pasta offer inside. */
const EGRESS_RESOLVER = '10.0.2.3'
/** The engine's own DNS, in every namespace on a user-defined network. */
const EMBEDDED_RESOLVER = '127.0.0.11'
const PASSWD_LIMIT = 1024 * 1024
const SHM_BYTES = 64 * 1024 * 1024
const SWAP_LIMIT = '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'

/** A new process in a container, as asked. */
export interface ExecSpec {
  readonly command: readonly string[]
  readonly tty: boolean
  readonly env: readonly string[]
  readonly user: string | null
  readonly workingDir: string | null
  /** All capabilities, whatever the container has. */
  readonly isPrivileged?: boolean
  readonly columns: number
  readonly rows: number
}

/** `host`: a copy of the host's own file. */
export interface NetworkFiles {
  readonly hosts?: HostsInput | { readonly copyOfHost: true; readonly extraHosts: readonly string[] }
  readonly resolvConf?: Omit<ResolvInput, 'nameserver'> & { readonly from: 'embedded' | 'outside' | 'host' }
}

/** Where a container's network is. */
export interface ContainerNetwork {
  /** `''`: the host's. */
  readonly netnsPath: string
  /** The container whose hosts, hostname and resolv.conf it has: its own id, or that of the one it shares with. */
  readonly filesOf: string
}

/** Whose namespaces a container has beside its network: `''` its own, `host`, or another container. */
export interface SharedNamespaces {
  readonly pid: '' | 'host' | { readonly init: number }
  /** `shmOf`: the container whose shared memory it has. */
  readonly ipc: '' | 'host' | 'none' | 'shareable' | { readonly init: number; readonly shmOf: string }
}

/** A container that waits for its start, and its AppArmor profile, `''` without one. */
export interface RunnableContainer extends CreatedContainer {
  readonly appArmor: string
}

/** Containers as services see them: records in, processes out. */
export interface ContainerRuntime {
  mountRoot(mount: OverlayMount): Promise<void>
  unmountRoot(target: string): Promise<void>
  /** Writes what is given, in place: the files are mounted, and a mount keeps to the inode. */
  writeNetworkFiles(id: string, files: NetworkFiles): Promise<void>
  /** The user that a container's process is run as. */
  ownerOf(record: ContainerRecord): Promise<{ readonly uid: number; readonly gid: number }>
  /** Limits that this machine holds, and what to tell of those that it does not. */
  checkLimits(resources: ResourceLimits): CheckedLimits
  /** Refuses an AppArmor profile that is not loaded; answers with what to tell of one that cannot be had here. */
  checkProfile(config: ContainerRecord['config']): Promise<readonly string[]>
  create(record: ContainerRecord, network: ContainerNetwork, namespaces: SharedNamespaces): Promise<RunnableContainer>
  /** Takes away what `create` has mounted beside the root. */
  releaseMounts(id: string): Promise<void>
  /** Ids of containers below whose folder something is mounted. */
  listMounted(): Promise<ReadonlySet<string>>
  start(id: string): Promise<void>
  signal(id: string, signal: string): Promise<void>
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  remove(id: string): Promise<void>
  removeTree(path: string): Promise<void>
  stats(ids: readonly string[]): Promise<readonly HostStats[]>
  /** `holdsBack`: a reader that lags holds the container back; else it is let go. */
  attach(record: ContainerRecord, options?: { readonly holdsBack: boolean }): Promise<Duplex>
  resize(id: string, size: { readonly columns: number; readonly rows: number }): Promise<void>
  /** Lays a record's limits on its running process. */
  applyLimits(record: ContainerRecord): Promise<void>
  processes(id: string, psArgs: readonly string[]): Promise<ProcessTable>
  /** Bytes of a folder's files; for a container's own layer and volumes. */
  treeSize(path: string): Promise<number>
  exec(record: ContainerRecord, spec: ExecSpec): Promise<Duplex>
  /** Runs a healthcheck once; exit code 0 is healthy. */
  probe(
    record: ContainerRecord,
    check: HealthcheckSpec,
  ): Promise<{ readonly exitCode: number; readonly output: string }>
}

export interface RuntimeOptions {
  readonly host: Host
  /** Of the keeper of the moment. */
  readonly info: () => HostInfo
  readonly layout: Layout
  readonly logMaxBytes: number
  readonly logMaxFiles: number
  /** The distribution's seccomp profile, or `''` where there is none. */
  readonly seccompProfile: string
}

/** Containers by the keeper's runc and conmon. */
export function createContainerRuntime({
  host,
  info,
  layout,
  seccompProfile,
  ...logs
}: RuntimeOptions): ContainerRuntime {
  const rootless = info().mode === 'rootless'
  const shm = (id: string) => `${layout.mounts(id)}/shm`
  const logLimits = (settings: LogSettings) => {
    const { maxBytes, maxFiles } = readLogLimits(settings, { maxBytes: logs.logMaxBytes, maxFiles: logs.logMaxFiles })
    return { logMaxBytes: maxBytes, logMaxFiles: maxFiles }
  }
  /** Parts of volumes are mounted before the container is: nothing in the volume can lead its mount elsewhere then. */
  const mountParts = (record: ContainerRecord) =>
    Promise.all(
      record.mounts.map(async (mount, index) => {
        if (mount.subpath === '') return mount
        const target = `${layout.mounts(record.id)}/${index}`
        await host.bindInRoot({ root: mount.hostPath, path: mount.subpath, target })
        return { ...mount, hostPath: target }
      }),
    )
  const placesOf = async (
    { id, config }: ContainerRecord,
    { pid, ipc }: SharedNamespaces,
  ): Promise<NamespacePlaces> => {
    const { uts, cgroup } = config.namespaces
    if (ipc === 'shareable') await host.mountShm({ target: shm(id), sizeBytes: config.shmSizeBytes || SHM_BYTES })
    return {
      pid: typeof pid === 'object' ? `/proc/${pid.init}/ns/pid` : pid,
      ipc: typeof ipc === 'object' ? `/proc/${ipc.init}/ns/ipc` : ipc === 'host' ? 'host' : '',
      uts: uts === 'host' ? 'host' : '',
      cgroup: cgroup === 'host' || cgroup === 'private' ? cgroup : '',
      shm: shmPlace(id, ipc),
    }
  }
  const shmPlace = (id: string, ipc: SharedNamespaces['ipc']) => {
    if (typeof ipc === 'object') return ipc.shmOf === '' ? '/dev/shm' : shm(ipc.shmOf)
    if (ipc === 'shareable') return shm(id)
    return ipc === 'host' ? '/dev/shm' : ipc
  }

  const userOf = async (record: ContainerRecord, user: string) => {
    const root = layout.merged(record.id)
    const read = (path: string) => host.readInRoot({ root, path, limit: PASSWD_LIMIT })
    const [passwd, group] = await Promise.all([read('/etc/passwd'), read('/etc/group')])
    return resolveUser({ user, passwd, group, groupAdd: record.config.groupAdd })
  }
  const capabilitiesOf = async ({ config }: ContainerRecord, isPrivileged = false) => {
    // In its user namespace the keeper has them all; as root it has what this process was left.
    const status = rootless ? '' : await readFile('/proc/self/status', 'utf8')
    const { capAdd: add, capDrop: drop } = config
    const privileged = config.privileged || isPrivileged
    return resolveCapabilities({ add, drop, privileged, available: parseCapabilityMask(status) })
  }

  /** Loaded or refused: a runtime says of a profile that is missing only that a file is. */
  const ensureProfile = async (name: string) =>
    name === '' || name === 'unconfined' ? name : host.ensureProfile({ name })

  const writeNetworkFiles = async (id: string, { hosts, resolvConf }: NetworkFiles) => {
    if (hosts) {
      const text = 'copyOfHost' in hosts ? await copyHosts(hosts.extraHosts) : buildHosts(hosts)
      await writeInPlace(layout.containerFile(id, 'hosts'), text)
    }
    if (!resolvConf) return
    const egress = rootless && resolvConf.from === 'outside' ? EGRESS_RESOLVER : ''
    const nameserver = resolvConf.from === 'embedded' ? EMBEDDED_RESOLVER : egress
    const hostText = await readHostResolvers()
    const isCopy = resolvConf.from === 'host' && !resolvConf.dns.length && !resolvConf.search.length
    const text = isCopy
      ? await readHostFile('/etc/resolv.conf')
      : buildResolvConf(hostText, { ...resolvConf, nameserver })
    await writeInPlace(layout.containerFile(id, 'resolv.conf'), text)
  }

  const execProcess = async (record: ContainerRecord, spec: Omit<ExecSpec, 'columns' | 'rows'>) => {
    const { noNewPrivileges } = parseSecurityOptions(record.config.securityOptions)
    return buildProcess({
      args: spec.command,
      env: mergeEnv(addContainerEnv(record.process.env, { hostname: record.hostname, tty: spec.tty }), spec.env),
      workingDir: spec.workingDir ?? record.process.workingDir,
      user: await userOf(record, spec.user ?? record.process.user),
      tty: spec.tty,
      capabilities: await capabilitiesOf(record, spec.isPrivileged),
      ulimits: record.config.ulimits,
      noNewPrivileges: noNewPrivileges && !spec.isPrivileged,
      // As its container, also when that was started while there was no profile, and also with all capabilities.
      appArmor: await ensureProfile(record.state.appArmor),
    })
  }

  return {
    mountRoot: (mount) => host.mountOverlay(mount),
    unmountRoot: (target) => host.unmount({ target }),
    writeNetworkFiles,
    ownerOf: async (record) => {
      const { uid, gid } = await userOf(record, record.process.user)
      return { uid, gid }
    },
    checkLimits: (resources) => checkLimits(resources, limitFacts(info())),
    async checkProfile(config) {
      await ensureProfile(chooseProfile(config, info()))
      return discardedProfile(config, info())
    },
    releaseMounts: (id) => host.releaseMounts({ folder: layout.mounts(id) }),
    async listMounted() {
      const points = await host.listMounts({ folder: layout.containers })
      return new Set(points.map((point) => path.relative(layout.containers, point).split(path.sep)[0] ?? ''))
    },
    async create(record, { netnsPath, filesOf }, namespaces) {
      const { id, config, process: wanted } = record
      const bundle = layout.bundle(id)
      assertLimits(config.resources, limitFacts(info()))
      await host.removeTree({ path: bundle })
      const [user] = await Promise.all([userOf(record, wanted.user), mkdir(bundle, { recursive: true, mode: 0o700 })])
      const capabilities = await capabilitiesOf(record)
      const appArmor = await ensureProfile(chooseProfile(config, info()))
      const mounts = await mountParts(record)
      const spec = await assembleSpec(record, {
        ...{ info: info(), layout, seccompProfile, user, capabilities, appArmor, netnsPath, filesOf, mounts },
        places: await placesOf(record, namespaces),
      })
      await writeFile(`${bundle}/config.json`, ociJson(spec), { mode: 0o600 })
      const created = await host.createContainer({
        containerId: id,
        bundle,
        logPath: config.log.driver === 'none' ? '' : layout.log(id),
        ...logLimits(config.log),
        tty: config.tty,
        openStdin: config.openStdin,
      })
      return { ...created, appArmor }
    },
    start: (containerId) => host.startContainer({ containerId }),
    signal: (containerId, signal) => host.signalContainer({ containerId, signal }),
    pause: (containerId) =>
      host.pauseContainer({ containerId }).catch((error: unknown) => {
        if (!rootless || info().cgroupRoot !== '') throw error
        throw new EngineError(
          'unavailable',
          'container.pause-unavailable',
          'pausing needs a control group of its own, and this system gives ordinary users none; stop the container instead',
        )
      }),
    resume: (containerId) => host.resumeContainer({ containerId }),
    remove: (containerId) => host.deleteContainer({ containerId }),
    removeTree: (path) => host.removeTree({ path }),
    stats: (ids) => host.stats({ ids }),
    attach: (record, { holdsBack } = { holdsBack: false }) =>
      host.attach({ containerId: record.id, bundle: layout.bundle(record.id), tty: record.config.tty, holdsBack }),
    resize: (containerId, size) => host.resizeContainer({ containerId, ...size }),
    applyLimits: ({ id, config }) =>
      host.updateContainer({
        containerId: id,
        resources: { ...buildLimits(config.resources), ...blockIoWeight(config.blockIo) },
      }),
    processes: (containerId, psArgs) => host.listProcesses({ containerId, psArgs }),
    treeSize: (path) => host.treeSize({ path }),
    exec: async (record, spec) =>
      host.exec({
        containerId: record.id,
        bundle: layout.bundle(record.id),
        execId: randomBytes(32).toString('hex'),
        process: await execProcess(record, spec),
        tty: spec.tty,
        openStdin: true,
        columns: spec.columns,
        rows: spec.rows,
      }),
    async probe(record, check) {
      const [kind, ...rest] = check.test
      const command = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : rest
      const process = await execProcess(record, { command, tty: false, env: [], user: null, workingDir: null })
      return host.runExec({ containerId: record.id, process, timeoutSeconds: check.timeoutSeconds })
    },
  }
}

const limitFacts = ({ controllers, cgroup, cpus, mode }: HostInfo): LimitFacts => ({
  controllers,
  cpus,
  isRootless: mode === 'rootless',
  isUnified: cgroup === 'v2',
  hasSwapLimit: hasSwapLimit(cgroup),
})

/** Whether memory and swap together can be limited: always on cgroup v2, and on v1 where the kernel counts swap. */
export const hasSwapLimit = (cgroup: HostInfo['cgroup']): boolean => cgroup === 'v2' || existsSync(SWAP_LIMIT)

async function copyHosts(extraHosts: readonly string[]): Promise<string> {
  const extra = extraHosts.map(parseExtraHost).map(({ name, address }) => {
    return `${address === 'host-gateway' ? '127.0.0.1' : address}\t${name}\n`
  })
  return `${(await readHostFile('/etc/hosts')).trimEnd()}\n${extra.join('')}`
}
