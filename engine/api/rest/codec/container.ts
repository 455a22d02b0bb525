import type { ContainerDetail, ContainerSummary } from '../../../contract/container.ts'
import { writeHealthcheck } from '../../../lib/healthcheck.ts'
import type { ContainerRow } from '../../../service/container/list.ts'
import { toNetworks } from './endpoint.ts'
import { toHostConfig } from './host-config.ts'
import { humanDuration, NO_TIME, timeOr, toUnix } from './time.ts'

/** `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago` …, as `docker ps` prints it. */
export function statusText(container: ContainerSummary, now: number): string {
  const ago = (time: string) => humanDuration((now - Date.parse(time)) / 1000)
  switch (container.status) {
    case 'running': {
      const health = container.health === 'none' ? '' : ` (${healthText(container.health)})`
      return `Up ${ago(container.startedAt)}${health}`
    }
    case 'paused':
      return `Up ${ago(container.startedAt)} (Paused)`
    case 'restarting':
      return `Restarting (${container.exitCode}) ${ago(container.finishedAt)} ago`
    case 'exited':
      return `Exited (${container.exitCode}) ${ago(container.finishedAt)} ago`
    case 'created':
      return 'Created'
    case 'dead':
      return 'Dead'
    case 'removing':
      return 'Removal In Progress'
  }
}

const healthText = (health: string) => (health === 'starting' ? 'health: starting' : health)

/** A row of `GET /containers/json`. */
export function toListItem(row: ContainerRow, facts: { readonly now: number; readonly version: number }) {
  const { summary: container, config, hostname, networks } = row
  const isAlive = container.status === 'running' || container.status === 'paused'
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: container.imageId,
    Command: container.command,
    Created: toUnix(container.createdAt),
    Ports: isAlive ? toPortList({ config, ports: container.ports }) : [],
    Labels: container.labels,
    State: container.status,
    Status: statusText(container, facts.now),
    HostConfig: { NetworkMode: config.network },
    NetworkSettings: {
      Networks: toNetworks({ id: container.id, status: container.status, hostname, networks }, facts.version),
    },
    Mounts: toMounts(row),
  }
}

/** `GET /containers/{id}/json`. */
export function toInspect(detail: ContainerDetail, version: number) {
  const { config, status } = detail
  return {
    Id: detail.id,
    Created: detail.createdAt,
    Path: detail.path,
    Args: detail.args,
    State: {
      Status: status,
      Running: status === 'running' || status === 'paused' || status === 'restarting',
      Paused: status === 'paused',
      Restarting: status === 'restarting',
      OOMKilled: detail.oomKilled,
      Dead: status === 'dead',
      Pid: detail.pid,
      ExitCode: detail.exitCode,
      Error: detail.error,
      StartedAt: timeOr(detail.startedAt),
      FinishedAt: detail.finishedAt || NO_TIME,
      ...toHealth(detail),
    },
    Image: detail.imageId,
    ResolvConfPath: detail.resolvConfPath,
    HostnamePath: detail.hostnamePath,
    HostsPath: detail.hostsPath,
    LogPath: config.log.driver === 'none' ? '' : detail.logPath,
    Name: `/${detail.name}`,
    RestartCount: detail.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: detail.appArmorProfile,
    ExecIDs: null,
    HostConfig: toHostConfig(detail),
    GraphDriver: { Name: 'overlay2', Data: {} },
    Mounts: toMounts(detail),
    Config: {
      Hostname: detail.hostname,
      Domainname: config.domainname,
      User: detail.user,
      AttachStdin: config.stdinOnce,
      AttachStdout: true,
      AttachStderr: true,
      ExposedPorts: Object.fromEntries(exposed(detail).map((port) => [port, {}])),
      Tty: config.tty,
      OpenStdin: config.openStdin,
      StdinOnce: config.stdinOnce,
      Env: detail.env,
      Cmd: config.command,
      Image: config.image,
      Volumes: toVolumes(detail),
      WorkingDir: detail.workingDir,
      Entrypoint: config.entrypoint,
      Labels: config.labels,
      ...(detail.healthcheck ? { Healthcheck: writeHealthcheck(detail.healthcheck) } : {}),
      ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
      ...(config.stopTimeoutSeconds === 10 ? {} : { StopTimeout: config.stopTimeoutSeconds }),
    },
    NetworkSettings: {
      SandboxID: detail.id,
      SandboxKey: '',
      Ports: toPortMap(detail),
      Networks: toNetworks(detail, version),
      IPAddress: detail.ipAddress,
      Gateway: detail.gateway,
      MacAddress: detail.macAddress,
    },
  }
}

function toPortMap(detail: ContainerDetail) {
  const { ports, status } = detail
  if (status !== 'running' && status !== 'paused') return {}
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = Object.fromEntries(
    exposed(detail).map((port) => [port, null]),
  )
  for (const { containerPort, protocol, hostIp, hostPort } of ports.filter(isOnHost)) {
    const key = `${containerPort}/${protocol}`
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }]
  }
  return map
}

/** What is reached at the container's own address alone has no port of the host. */
const isOnHost = ({ hostPort }: { readonly hostPort: number }) => hostPort > 0

/** Exposed ports; records of before they were kept have the published ones alone. */
const exposed = ({ config, ports }: Pick<ContainerDetail, 'config' | 'ports'>): readonly string[] => [
  ...new Set([...config.exposedPorts, ...ports.map((port) => `${port.containerPort}/${port.protocol}`)]),
]

/** Published ports with their places on the host, and those that are only exposed. */
function toPortList(detail: Pick<ContainerDetail, 'config' | 'ports'>) {
  const published = detail.ports.filter(isOnHost).map(({ containerPort, protocol, hostIp, hostPort }) => ({
    IP: hostIp,
    PrivatePort: containerPort,
    PublicPort: hostPort,
    Type: protocol,
  }))
  const isPublished = (key: string) => published.some((port) => `${port.PrivatePort}/${port.Type}` === key)
  const rest = exposed(detail).filter((key) => !isPublished(key))
  return [
    ...published,
    ...rest.map((key) => ({ PrivatePort: Number.parseInt(key, 10), Type: key.split('/')[1] ?? 'tcp' })),
  ]
}

function toHealth({ health, healthFailures, healthResults }: ContainerDetail) {
  if (health === 'none') return {}
  const Log = healthResults.map(({ startedAt, endedAt, exitCode, output }) => ({
    Start: startedAt,
    End: endedAt,
    ExitCode: exitCode,
    Output: output,
  }))
  return { Health: { Status: health, FailingStreak: healthFailures, Log } }
}

/** Targets of the volumes that were asked for without a name. */
const toVolumes = ({ config }: ContainerDetail) =>
  Object.fromEntries(
    config.mounts.filter(({ type, source }) => type === 'volume' && source === '').map(({ target }) => [target, {}]),
  )

function toMounts({ mounts }: Pick<ContainerDetail, 'mounts'>) {
  return mounts.map(({ type, name, driver, hostPath, target, readOnly, propagation }) => ({
    Type: type,
    ...(name ? { Name: name, Driver: driver || 'local' } : {}),
    Source: hostPath,
    Destination: target,
    Mode: '',
    RW: !readOnly,
    Propagation: type === 'bind' ? propagation : '',
  }))
}
