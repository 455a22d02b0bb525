import type { ContainerDetail, MountSpec } from '../../../contract/container.ts'

const SHM_BYTES = 64 * 1024 * 1024
const filled = (values: Readonly<Record<string, string>>) => (Object.keys(values).length > 0 ? values : undefined)

/** `HostConfig` of an inspected container: every setting as it was asked for, Docker's default where it was not. */
export function toHostConfig({ config }: ContainerDetail) {
  const { namespaces, log } = config
  const forms = splitMounts(config.mounts)
  return {
    Binds: forms.binds,
    ContainerIDFile: '',
    LogConfig: { Type: log.driver, Config: log.options },
    NetworkMode: config.network,
    PortBindings: toPortBindings(config.ports),
    RestartPolicy: { Name: config.restart.name, MaximumRetryCount: config.restart.maximumRetryCount },
    AutoRemove: config.autoRemove,
    VolumeDriver: '',
    VolumesFrom: config.volumesFrom,
    ConsoleSize: [0, 0],
    Annotations: filled(config.annotations),
    CapAdd: config.capAdd,
    CapDrop: config.capDrop,
    CgroupnsMode: namespaces.cgroup || 'host',
    Dns: config.dns,
    DnsOptions: config.dnsOptions,
    DnsSearch: config.dnsSearch,
    ExtraHosts: config.extraHosts,
    GroupAdd: config.groupAdd,
    IpcMode: namespaces.ipc || 'private',
    Cgroup: '',
    Links: config.links,
    OomScoreAdj: config.oomScoreAdj,
    PidMode: namespaces.pid,
    Privileged: config.privileged,
    PublishAllPorts: config.publishAllPorts,
    ReadonlyRootfs: config.readOnlyRootfs,
    SecurityOpt: config.securityOptions,
    Tmpfs: filled(forms.tmpfs),
    UTSMode: namespaces.uts,
    UsernsMode: namespaces.user,
    ShmSize: config.shmSizeBytes || SHM_BYTES,
    Sysctls: filled(config.sysctls),
    Runtime: 'runc',
    Isolation: '',
    ...toLimits(config),
    Mounts: forms.mounts.length > 0 ? forms.mounts : undefined,
    MaskedPaths: config.privileged ? [] : (config.maskedPaths ?? undefined),
    ReadonlyPaths: config.privileged ? [] : (config.readOnlyPaths ?? undefined),
    Init: config.init || undefined,
  }
}

function toLimits({
  resources,
  cgroupParent,
  blockIo,
  devices,
  deviceCgroupRules,
  ulimits,
}: ContainerDetail['config']) {
  const rates = (all: readonly { readonly path: string; readonly rate: number }[]) =>
    all.map(({ path, rate }) => ({ Path: path, Rate: rate }))
  return {
    CpuShares: resources.cpuShares,
    Memory: resources.memoryBytes,
    NanoCpus: Math.round(resources.cpus * 1e9),
    CgroupParent: cgroupParent,
    BlkioWeight: blockIo.weight,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: rates(blockIo.readBytes),
    BlkioDeviceWriteBps: rates(blockIo.writeBytes),
    BlkioDeviceReadIOps: rates(blockIo.readOperations),
    BlkioDeviceWriteIOps: rates(blockIo.writeOperations),
    CpuPeriod: resources.cpuPeriod,
    CpuQuota: resources.cpuQuota,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: resources.cpusetCpus,
    CpusetMems: resources.cpusetMems,
    Devices: devices.map(({ hostPath, containerPath, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: containerPath,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: deviceCgroupRules,
    DeviceRequests: [],
    MemoryReservation: resources.memoryReservationBytes,
    MemorySwap: resources.memorySwapBytes || resources.memoryBytes * 2,
    MemorySwappiness: resources.memorySwappiness < 0 ? undefined : resources.memorySwappiness,
    OomKillDisable: resources.isOomKillDisabled,
    PidsLimit: resources.pids || null,
    Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  }
}

function toPortBindings(ports: ContainerDetail['config']['ports']) {
  const map: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { containerPort, protocol, hostIp, hostPort, hostPortEnd } of ports) {
    const key = `${containerPort}/${protocol}`
    const range = hostPortEnd === undefined ? '' : `-${hostPortEnd}`
    const binding = { HostIp: hostIp, HostPort: hostPort ? `${hostPort}${range}` : '' }
    map[key] = [...(map[key] ?? []), binding]
  }
  return map
}

/** Each mount in the form that says all of it: `-v`, `--tmpfs` or `--mount`. */
function splitMounts(all: readonly MountSpec[]) {
  const tmpfs: Record<string, string> = {}
  const binds: string[] = []
  const mounts: object[] = []
  for (const mount of all) {
    if (mount.type === 'tmpfs') tmpfs[mount.target] = [...(mount.readOnly ? ['ro'] : []), ...mount.options].join(',')
    else if (mount.source === '') continue
    else if (mount.type === 'bind' ? mount.createSource : isSaidByBind(mount)) binds.push(toBind(mount))
    else mounts.push(toMount(mount))
  }
  return { tmpfs, binds, mounts }
}

/** A bind has no place for these. */
const isSaidByBind = ({ subpath, labels, driver, driverOptions }: MountSpec): boolean =>
  !subpath && !driver && Object.keys({ ...labels, ...driverOptions }).length === 0

function toBind({ source, target, readOnly, noCopy, propagation }: MountSpec): string {
  const flags = [
    ...(readOnly ? ['ro'] : []),
    ...(noCopy ? ['nocopy'] : []),
    ...(propagation === 'rprivate' ? [] : [propagation]),
  ]
  return [source, target, ...(flags.length > 0 ? [flags.join(',')] : [])].join(':')
}

function toMount(mount: MountSpec) {
  const { type, source, target, readOnly, propagation, isRecursive, noCopy, subpath, labels } = mount
  const { driver, driverOptions } = mount
  const shared = { Type: type, Source: source, Target: target, ...(readOnly ? { ReadOnly: true } : {}) }
  if (type === 'bind') {
    return {
      ...shared,
      BindOptions: {
        ...(propagation === 'rprivate' ? {} : { Propagation: propagation }),
        ...(isRecursive ? {} : { NonRecursive: true }),
      },
    }
  }
  return {
    ...shared,
    VolumeOptions: {
      ...(noCopy ? { NoCopy: true } : {}),
      ...(subpath ? { Subpath: subpath } : {}),
      ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
      ...(driver ? { DriverConfig: { Name: driver, Options: filled(driverOptions) } } : {}),
    },
  }
}
