import { type CreateContainer, ResourceLimits } from '../contract/container.ts'
import { EngineError } from '../contract/errors.ts'

/** What this machine can limit. */
export interface LimitFacts {
  /** What containers' control groups can limit: `cpu`, `memory`, `pids` …; none where they have no groups. */
  readonly controllers: readonly string[]
  readonly isRootless: boolean
  readonly hasSwapLimit: boolean
  /** cgroup v2 cannot switch the OOM killer off, nor set a swappiness. */
  readonly isUnified: boolean
  readonly cpus: number
}
export interface CheckedLimits {
  readonly resources: ResourceLimits
  readonly warnings: readonly string[]
}

const NO_OOM_SWITCH = 'Your kernel does not support OomKillDisable. OomKillDisable discarded.'
const NO_SWAPPINESS =
  'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.'
export const NO_BLOCK_IO =
  'Your kernel does not support Block I/O limits or the cgroup is not mounted. Block I/O limits discarded.'
const MIN_MEMORY = 6 * 1024 * 1024
const refuse = (text: string) => new EngineError('invalidArgument', 'limits.invalid', text)

/** Refuses limits that make no sense, in Docker's words, and takes those away that this machine cannot hold, with a warning each. */
export function checkLimits(resources: ResourceLimits, facts: LimitFacts): CheckedLimits {
  assertMemory(resources)
  assertProcessors(resources, facts.cpus)
  const held = discardMissing(resources, facts)
  const fitted = fitToLayout(held.resources, facts)
  return { resources: fitted.resources, warnings: [...held.warnings, ...fitted.warnings] }
}

/** What of the other settings only root can have, for a warning each. */
export function rootOnlySettings(config: CreateContainer): string[] {
  const isNarrowed = config.devices.some(({ permissions }) => !/^(?=.*r)(?=.*w)/.test(permissions))
  return [
    ...(isNarrowed || config.deviceCgroupRules.length > 0
      ? ['Your kernel does not support device cgroups for ordinary users. Device permissions discarded.']
      : []),
    ...(config.blockIo.weight > 0 || Object.values(config.blockIo).some((one) => Array.isArray(one) && one.length > 0)
      ? [NO_BLOCK_IO]
      : []),
    ...(config.oomScoreAdj < 0 ? ['The OOM score can only be raised without root. Lower score discarded.'] : []),
    ...(config.domainname !== '' ? ['The domain name can only be set by newer runtimes without root.'] : []),
  ]
}

/** Refuses settings outside of their ranges that are no limits of a control group. */
export function assertOomScore({ oomScoreAdj }: Pick<CreateContainer, 'oomScoreAdj'>): void {
  if (oomScoreAdj < -1000 || oomScoreAdj > 1000)
    throw refuse(`Invalid value ${oomScoreAdj}, range for oom score adj is [-1000, 1000]`)
}

function assertMemory({ memoryBytes, memorySwapBytes, memoryReservationBytes }: ResourceLimits): void {
  if (memoryBytes > 0 && memoryBytes < MIN_MEMORY) throw refuse('Minimum memory limit allowed is 6MB')
  if (memoryBytes > 0 && memorySwapBytes > 0 && memorySwapBytes < memoryBytes)
    throw refuse('Minimum memoryswap limit should be larger than memory limit, see usage')
  if (memoryBytes === 0 && memorySwapBytes > 0)
    throw refuse('You should always set the Memory limit when using Memoryswap limit, see usage')
  if (memoryReservationBytes > 0 && memoryReservationBytes < MIN_MEMORY)
    throw refuse('Minimum memory reservation allowed is 6MB')
  if (memoryBytes > 0 && memoryReservationBytes > memoryBytes)
    throw refuse('Minimum memory limit can not be less than memory reservation limit, see usage')
}

function assertProcessors({ cpus, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems }: ResourceLimits, count: number): void {
  if (cpus > 0 && cpuPeriod > 0) throw refuse('Conflicting options: Nano CPUs and CPU Period cannot both be set.')
  if (cpus > 0 && cpuQuota > 0) throw refuse('Conflicting options: Nano CPUs and CPU Quota cannot both be set.')
  if (cpus > count) throw refuse(`Range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`)
  if (cpuPeriod > 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000))
    throw refuse('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  if (cpuQuota > 0 && cpuQuota < 1000) throw refuse('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  const wanted = parseCpuSet(cpusetCpus, 'cpus')
  parseCpuSet(cpusetMems, 'mems')
  if (wanted.some((cpu) => cpu >= count))
    throw refuse(`Requested CPUs are not available - requested ${cpusetCpus}, available: 0-${count - 1}`)
}

/** The numbers of `0-2,4`. */
function parseCpuSet(text: string, what: string): number[] {
  if (text === '') return []
  return text.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? []
    if (first === '' || Number(last) < Number(first)) throw refuse(`Invalid value ${text} for cpuset ${what}`)
    return [Number(first), Number(last)]
  })
}

function fitToLayout(resources: ResourceLimits, facts: LimitFacts): CheckedLimits {
  const warnings: string[] = []
  let next = resources
  if (!facts.hasSwapLimit && next.memoryBytes > 0 && next.memorySwapBytes !== -1) {
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    )
    next = { ...next, memorySwapBytes: -1 }
  }
  if (facts.isUnified && next.isOomKillDisabled) {
    warnings.push(NO_OOM_SWITCH)
    next = { ...next, isOomKillDisabled: false }
  }
  if (facts.isUnified && next.memorySwappiness >= 0) {
    warnings.push(NO_SWAPPINESS)
    next = { ...next, memorySwappiness: -1 }
  }
  if (next.isOomKillDisabled && next.memoryBytes === 0)
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    )
  return { resources: next, warnings }
}

const withoutGroup = (what: string, end: string) =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${end} discarded.`

/** What each kind of limit needs of the control groups, and how Docker says that it is left out. */
const NEEDS = [
  ['memory', ['memoryBytes', 'memorySwapBytes'], withoutGroup('memory limit capabilities', 'Limitation')],
  ['memory', ['memoryReservationBytes'], withoutGroup('memory soft limit capabilities', 'Limitation')],
  ['memory', ['memorySwappiness'], NO_SWAPPINESS],
  ['memory', ['isOomKillDisabled'], NO_OOM_SWITCH],
  ['cpu', ['cpus', 'cpuQuota', 'cpuPeriod'], withoutGroup('CPU CFS scheduler', 'CPU period/quota')],
  ['cpu', ['cpuShares'], withoutGroup('CPU shares', 'Shares')],
  ['cpuset', ['cpusetCpus', 'cpusetMems'], withoutGroup('cpuset', 'Cpuset')],
  ['pids', ['pids'], withoutGroup('PIDs limit capabilities', 'PIDs limit')],
] as const satisfies readonly (readonly [string, readonly (keyof ResourceLimits)[], string])[]
const NONE = ResourceLimits.parse({})
const HOW_TO_GET =
  'Without root, limits need a systemd user manager that delegates these control groups; the check of the machine (--doctor) names the command.'

/** Takes away what needs a controller that is not there: each limit asked for is said to be left out. */
function discardMissing(asked: ResourceLimits, { controllers, isRootless }: LimitFacts): CheckedLimits {
  const missing = NEEDS.filter(
    ([controller, names]) => !controllers.includes(controller) && names.some((name) => asked[name] !== NONE[name]),
  )
  const without = Object.fromEntries(missing.flatMap(([, names]) => names.map((name) => [name, NONE[name]])))
  const warnings: string[] = missing.map(([, , warning]) => warning)
  return {
    resources: { ...asked, ...without },
    warnings: warnings.length > 0 && isRootless ? [...warnings, HOW_TO_GET] : warnings,
  }
}

/** Refuses to start a container without limits that it was made with; `limits.unavailable`. */
export function assertLimits(resources: ResourceLimits, facts: LimitFacts): void {
  const { warnings } = discardMissing(resources, facts)
  if (warnings.length > 0)
    throw new EngineError(
      'unavailable',
      'limits.unavailable',
      `the limits that this container was made with cannot be held in this session: ${warnings.join(' ')}`,
    )
}
