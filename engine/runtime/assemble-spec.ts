import { readFile, realpath, stat } from 'node:fs/promises'
import type { BlockIo } from '../contract/container-settings.ts'
import { EngineError } from '../contract/errors.ts'
import type { HostInfo } from '../host/host.ts'
import type { Layout } from '../store/layout.ts'
import type { ContainerRecord, ResolvedMount } from '../store/schema.ts'
import { findDevices, findHostDevices, splitDevice } from './devices.ts'
import { findInit, INIT_PATHS } from './init-program.ts'
import { reachesOut, rootPropagation } from './mount-info.ts'
import { addContainerEnv } from './process.ts'
import { compileSeccomp, withoutUnusedArchitectures } from './seccomp.ts'
import { parseSecurityOptions } from './security.ts'
import { buildSpec, type NamespacePlaces, type SpecInput } from './spec.ts'
import type { BlockIoNumbers, BlockRate } from './spec-resources.ts'
import type { ResolvedUser } from './user.ts'

/** What a spec follows from beside the record. */
export interface SpecFacts {
  readonly info: HostInfo
  readonly layout: Layout
  /** Text of the default seccomp profile, or `''`. */
  readonly seccompProfile: string
  readonly user: ResolvedUser
  readonly capabilities: readonly string[]
  /** `''`: no AppArmor profile. */
  readonly appArmor: string
  readonly netnsPath: string
  /** The container whose hosts, hostname and resolv.conf it has. */
  readonly filesOf: string
  readonly places: NamespacePlaces
  /** The record's mounts with the parts of volumes where they have been mounted. */
  readonly mounts: readonly ResolvedMount[]
}

/** The OCI spec of a container that is about to be made: what this machine has is looked up, the rest is pure. */
export async function assembleSpec(record: ContainerRecord, facts: SpecFacts): Promise<object> {
  const { id, config, process: wanted } = record
  const { info, layout, filesOf, capabilities } = facts
  const rootless = info.mode === 'rootless'
  const security = parseSecurityOptions(config.securityOptions)
  return buildSpec({
    ...config,
    containerId: id,
    rootfs: layout.merged(id),
    args: wanted.args,
    env: addContainerEnv(wanted.env, { hostname: record.hostname, tty: config.tty }),
    workingDir: wanted.workingDir,
    user: facts.user,
    hostname: record.hostname,
    initPath: config.init ? requireInit() : '',
    capabilities,
    seccomp: seccompOf(record, facts, security.seccomp),
    noNewPrivileges: security.noNewPrivileges,
    appArmor: facts.appArmor,
    netnsPath: facts.netnsPath,
    places: facts.places,
    files: {
      hosts: layout.containerFile(filesOf, 'hosts'),
      hostname: layout.containerFile(filesOf, 'hostname'),
      resolvConf: layout.containerFile(filesOf, 'resolv.conf'),
    },
    mounts: facts.mounts,
    devices: [...(config.privileged ? await findHostDevices() : []), ...(await findDevices(config.devices))],
    blockIo: await numberDevices(config.blockIo),
    oomScoreAdj: rootless ? await raisedOomScore(config.oomScoreAdj) : config.oomScoreAdj,
    readOnlyPaths: config.readOnlyPaths,
    cgroup: info.cgroup,
    cgroupRoot: info.cgroupRoot,
    rootless,
    cpuCount: info.cpus,
    ...(await mountFacts(facts.mounts, rootless)),
  })
}

/** What the mounts of this machine mean for a container's; most need no look at them. */
async function mountFacts(
  mounts: readonly ResolvedMount[],
  rootless: boolean,
): Promise<Pick<SpecInput, 'mountInfo' | 'rootPropagation'>> {
  const reaching = mounts.filter(reachesOut)
  if (!rootless && reaching.length === 0) return {}
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8')
  const real = reaching.map(async (mount) => ({ ...mount, hostPath: await realPath(mount.hostPath) }))
  return {
    ...(rootless ? { mountInfo } : {}),
    rootPropagation: rootPropagation(await Promise.all(real), { mountInfo, rootless }),
  }
}

const realPath = (path: string): Promise<string> =>
  realpath(path).catch((cause: unknown) => {
    throw new EngineError('invalidArgument', 'mount.source-missing', `bind source path does not exist: ${path}`, {
      details: { path },
      cause,
    })
  })

function seccompOf(record: ContainerRecord, facts: SpecFacts, asked: string): object | null {
  if (asked === 'unconfined' || (asked === 'default' && record.config.privileged)) return null
  const text = asked === 'default' ? facts.seccompProfile : asked
  if (text === '') return null
  const { capabilities, info } = facts
  const compiled = compileSeccomp(text, { capabilities, architecture: process.arch, kernel: info.kernel })
  return asked === 'default' ? withoutUnusedArchitectures(compiled) : compiled
}

/** An ordinary user may raise the score alone. */
async function raisedOomScore(asked: number): Promise<number> {
  const own = Number(await readFile('/proc/self/oom_score_adj', 'utf8').catch(() => '0'))
  return asked === 0 ? 0 : Math.max(own, asked)
}

async function numberDevices(io: BlockIo): Promise<BlockIoNumbers> {
  const number = ({ path, rate }: BlockIo['readBytes'][number]): Promise<BlockRate> =>
    stat(path).then(
      ({ rdev }) => ({ ...splitDevice(rdev), rate }),
      () => {
        throw new EngineError('invalidArgument', 'device.not-found', `no such device: ${path}`)
      },
    )
  const all = (rates: BlockIo['readBytes']) => Promise.all(rates.map(number))
  return {
    weight: io.weight,
    readBytes: await all(io.readBytes),
    writeBytes: await all(io.writeBytes),
    readOperations: await all(io.readOperations),
    writeOperations: await all(io.writeOperations),
  }
}

function requireInit(): string {
  const found = findInit()
  if (found) return found
  throw new EngineError(
    'unavailable',
    'init.missing',
    `no init program was found; install catatonit or tini (looked for ${INIT_PATHS.join(', ')})`,
  )
}
