import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { HealthcheckSpec } from '../contract/container.ts'
import { EngineError } from '../contract/errors.ts'
import type { CreatedContainer, Host, HostInfo, HostStats, OverlayMount } from '../host/host.ts'
import type { Layout } from '../store/layout.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { parseCapabilityMask, resolveCapabilities } from './capabilities.ts'
import {
  buildHosts,
  buildResolvConf,
  type HostsInput,
  isStubResolver,
  parseExtraHost,
  type ResolvInput,
} from './files.ts'
import { addContainerEnv, mergeEnv } from './process.ts'
import { compileSeccomp } from './seccomp.ts'
import { buildProcess, buildSpec } from './spec.ts'
import { resolveUser } from './user.ts'
import { writeInPlace } from './write-in-place.ts'

/** The resolver that slirp4netns and pasta offer inside. */
const EGRESS_RESOLVER = '10.0.2.3'
/** The engine's own DNS, in every namespace on a user-defined network. */
const EMBEDDED_RESOLVER = '127.0.0.11'
const PASSWD_LIMIT = 1024 * 1024
const INIT_PATHS = [
  '/usr/bin/catatonit',
  '/usr/bin/tini-static',
  '/usr/bin/tini',
  '/usr/libexec/podman/catatonit',
  '/usr/bin/docker-init',
]

/** A new process in a container, as asked. */
export interface ExecSpec {
  readonly command: readonly string[]
  readonly tty: boolean
  readonly env: readonly string[]
  readonly user: string | null
  readonly workingDir: string | null
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

/** Containers as services see them: records in, processes out. */
export interface ContainerRuntime {
  mountRoot(mount: OverlayMount): Promise<void>
  unmountRoot(target: string): Promise<void>
  /** Writes what is given, in place: the files are mounted, and a mount keeps to the inode. */
  writeNetworkFiles(id: string, files: NetworkFiles): Promise<void>
  create(record: ContainerRecord, network: ContainerNetwork): Promise<CreatedContainer>
  start(id: string): Promise<void>
  signal(id: string, signal: string): Promise<void>
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  remove(id: string): Promise<void>
  removeTree(path: string): Promise<void>
  stats(ids: readonly string[]): Promise<readonly HostStats[]>
  attach(record: ContainerRecord): Promise<Duplex>
  exec(record: ContainerRecord, spec: ExecSpec): Promise<Duplex>
  /** Runs a healthcheck once; exit code 0 is healthy. */
  probe(
    record: ContainerRecord,
    check: HealthcheckSpec,
  ): Promise<{ readonly exitCode: number; readonly output: string }>
}

export interface RuntimeOptions {
  readonly host: Host
  readonly info: HostInfo
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
  const rootless = info.mode === 'rootless'

  const userOf = async (record: ContainerRecord, user: string) => {
    const root = layout.merged(record.id)
    const read = (path: string) => host.readInRoot({ root, path, limit: PASSWD_LIMIT })
    const [passwd, group] = await Promise.all([read('/etc/passwd'), read('/etc/group')])
    return resolveUser({ user, passwd, group })
  }
  const capabilitiesOf = async ({ config }: ContainerRecord) => {
    // In its user namespace the keeper has them all; as root it has what this process was left.
    const status = rootless ? '' : await readFile('/proc/self/status', 'utf8')
    const { capAdd: add, capDrop: drop, privileged } = config
    return resolveCapabilities({ add, drop, privileged, available: parseCapabilityMask(status) })
  }

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

  const execProcess = async (record: ContainerRecord, spec: Omit<ExecSpec, 'columns' | 'rows'>) =>
    buildProcess({
      args: spec.command,
      env: mergeEnv(addContainerEnv(record.process.env, { hostname: record.hostname, tty: spec.tty }), spec.env),
      workingDir: spec.workingDir ?? record.process.workingDir,
      user: await userOf(record, spec.user ?? record.process.user),
      tty: spec.tty,
      capabilities: await capabilitiesOf(record),
    })

  return {
    mountRoot: (mount) => host.mountOverlay(mount),
    unmountRoot: (target) => host.unmount({ target }),
    writeNetworkFiles,
    async create(record, { netnsPath, filesOf }) {
      const { id, config, process: wanted } = record
      const bundle = layout.bundle(id)
      await host.removeTree({ path: bundle })
      const [user] = await Promise.all([userOf(record, wanted.user), mkdir(bundle, { recursive: true, mode: 0o700 })])
      const capabilities = await capabilitiesOf(record)
      const spec = buildSpec({
        containerId: id,
        rootfs: layout.merged(id),
        args: wanted.args,
        env: addContainerEnv(wanted.env, { hostname: record.hostname, tty: config.tty }),
        workingDir: wanted.workingDir,
        user,
        hostname: record.hostname,
        tty: config.tty,
        privileged: config.privileged,
        readOnlyRootfs: config.readOnlyRootfs,
        initPath: config.init ? findInit() : '',
        capabilities,
        seccomp: seccompProfile
          ? compileSeccomp(seccompProfile, { capabilities, architecture: process.arch, kernel: info.kernel })
          : null,
        netnsPath,
        files: {
          hosts: layout.containerFile(filesOf, 'hosts'),
          hostname: layout.containerFile(filesOf, 'hostname'),
          resolvConf: layout.containerFile(filesOf, 'resolv.conf'),
        },
        mounts: record.mounts,
        resources: config.resources,
        cgroup: info.cgroup,
        rootless,
        cpuCount: info.cpus,
        ...(rootless ? { mountInfo: await readFile('/proc/self/mountinfo', 'utf8') } : {}),
      })
      await writeFile(`${bundle}/config.json`, JSON.stringify(spec), { mode: 0o600 })
      return host.createContainer({
        containerId: id,
        bundle,
        logPath: layout.log(id),
        ...logs,
        tty: config.tty,
        openStdin: config.openStdin,
      })
    },
    start: (containerId) => host.startContainer({ containerId }),
    signal: (containerId, signal) => host.signalContainer({ containerId, signal }),
    pause: (containerId) =>
      host.pauseContainer({ containerId }).catch((error: unknown) => {
        if (!rootless || !/cgroups not configured/.test(String(error))) throw error
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
    attach: (record) =>
      host.attach({ containerId: record.id, bundle: layout.bundle(record.id), tty: record.config.tty }),
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

const readHostFile = (file: string) => readFile(file, 'utf8').catch(() => '')

async function copyHosts(extraHosts: readonly string[]): Promise<string> {
  const extra = extraHosts.map(parseExtraHost).map(({ name, address }) => {
    return `${address === 'host-gateway' ? '127.0.0.1' : address}\t${name}\n`
  })
  return `${(await readHostFile('/etc/hosts')).trimEnd()}\n${extra.join('')}`
}

async function readHostResolvers(): Promise<string> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
  return isStubResolver(text) ? readFile('/run/systemd/resolve/resolv.conf', 'utf8').catch(() => text) : text
}

function findInit(): string {
  const found = INIT_PATHS.find((file) => existsSync(file))
  if (found) return found
  throw new EngineError(
    'unavailable',
    'init.missing',
    'an init for containers is missing; install the package catatonit or tini',
  )
}
