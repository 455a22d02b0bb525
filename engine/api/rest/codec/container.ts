import type { ContainerDetail, ContainerSummary } from '../../../contract/container.ts'
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
export function toListItem(container: ContainerSummary, detail: ContainerDetail, now: number) {
  const isAlive = container.status === 'running' || container.status === 'paused'
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: container.imageId,
    Command: container.command,
    Created: toUnix(container.createdAt),
    Ports: isAlive
      ? container.ports.map(({ containerPort, protocol, hostIp, hostPort }) => ({
          IP: hostIp,
          PrivatePort: containerPort,
          PublicPort: hostPort,
          Type: protocol,
        }))
      : [],
    Labels: container.labels,
    State: container.status,
    Status: statusText(container, now),
    HostConfig: { NetworkMode: detail.config.network },
    NetworkSettings: { Networks: toNetworks(detail) },
    Mounts: toMounts(detail),
  }
}

/** `GET /containers/{id}/json`. */
export function toInspect(detail: ContainerDetail) {
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
      ...(detail.health === 'none' ? {} : { Health: { Status: detail.health, FailingStreak: 0, Log: [] } }),
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
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: toHostConfig(detail),
    GraphDriver: { Name: 'overlay2', Data: null },
    Mounts: toMounts(detail),
    Config: {
      Hostname: detail.hostname,
      Domainname: config.domainname,
      User: detail.user,
      AttachStdin: config.stdinOnce,
      AttachStdout: true,
      AttachStderr: true,
      ExposedPorts: Object.fromEntries(config.ports.map((port) => [`${port.containerPort}/${port.protocol}`, {}])),
      Tty: config.tty,
      OpenStdin: config.openStdin,
      StdinOnce: config.stdinOnce,
      Env: detail.env,
      Cmd: config.command,
      Image: config.image,
      Volumes: null,
      WorkingDir: detail.workingDir,
      Entrypoint: config.entrypoint,
      Labels: config.labels,
      ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
      ...(config.stopTimeoutSeconds === 10 ? {} : { StopTimeout: config.stopTimeoutSeconds }),
    },
    NetworkSettings: {
      SandboxID: detail.id,
      SandboxKey: '',
      Ports: toPortMap(detail),
      Networks: toNetworks(detail),
      IPAddress: detail.ipAddress,
      Gateway: detail.gateway,
      MacAddress: detail.macAddress,
    },
  }
}

function toPortMap({ ports, status }: ContainerDetail) {
  if (status !== 'running' && status !== 'paused') return {}
  const map: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const { containerPort, protocol, hostIp, hostPort } of ports) {
    const key = `${containerPort}/${protocol}`
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }]
  }
  return map
}

function toNetworks({ networks }: ContainerDetail) {
  return Object.fromEntries(
    networks.map((endpoint) => [
      endpoint.network,
      {
        IPAMConfig: null,
        Links: null,
        Aliases: endpoint.aliases,
        MacAddress: endpoint.macAddress,
        NetworkID: endpoint.networkId,
        EndpointID: '',
        Gateway: endpoint.gateway,
        IPAddress: endpoint.ipAddress,
        IPPrefixLen: endpoint.prefix,
        IPv6Gateway: endpoint.ipv6Gateway,
        GlobalIPv6Address: endpoint.ipv6Address,
        GlobalIPv6PrefixLen: endpoint.ipv6Prefix,
        DNSNames: endpoint.dnsNames,
      },
    ]),
  )
}

function toMounts({ mounts }: ContainerDetail) {
  return mounts.map(({ type, name, hostPath, target, readOnly, propagation }) => ({
    Type: type,
    ...(name ? { Name: name, Driver: 'local' } : {}),
    Source: hostPath,
    Destination: target,
    Mode: '',
    RW: !readOnly,
    Propagation: type === 'bind' ? propagation : '',
  }))
}
