import type { ContainerDetail, ContainerSummary } from '../../contract/container.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { filesOwner } from '../network/join.ts'
import { describeEndpoints } from '../network/list.ts'
import { findContainer } from './find.ts'
import type { HealthMonitor } from './health.ts'
import { isAlive } from './state.ts'

/** Containers, newest first; without `all` only those with a process. */
export function listContainers(context: ServiceContext, all: boolean): ContainerSummary[] {
  return context.containers
    .list()
    .filter((record) => all || isAlive(record.state.status) || record.state.status === 'restarting')
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .map(summarise)
}

/** Everything about one container. */
export function inspectContainer(context: ServiceContext, health: HealthMonitor, ref: string): ContainerDetail {
  const record = findContainer(context.containers, ref)
  const { layout } = context
  const [path = '', ...args] = record.process.args
  const filesOf = filesOwner(context, record)
  const { failures, results } = health.describe(record.id)
  return {
    ...summarise(record),
    pid: record.state.init?.pid ?? 0,
    restartCount: record.state.restartCount,
    path,
    args,
    config: record.config,
    env: record.process.env,
    workingDir: record.process.workingDir,
    user: record.process.user,
    healthcheck: record.process.healthcheck,
    healthFailures: failures,
    healthResults: [...results],
    hostname: record.hostname,
    gateway: record.endpoints[0]?.gateway ?? '',
    macAddress: record.endpoints[0]?.macAddress ?? '',
    networks: describeEndpoints(context, record),
    hostsPath: layout.containerFile(filesOf, 'hosts'),
    hostnamePath: layout.containerFile(filesOf, 'hostname'),
    resolvConfPath: layout.containerFile(filesOf, 'resolv.conf'),
    logPath: layout.log(record.id),
    mounts: record.mounts.map(({ isAnonymous: _, ...mount }) => mount),
  }
}

function summarise(record: ContainerRecord): ContainerSummary {
  const { state } = record
  return {
    id: record.id,
    name: record.name,
    image: record.config.image,
    imageId: record.imageId,
    command: showCommand(record.process.args),
    createdAt: record.createdAt,
    startedAt: state.startedAt,
    finishedAt: state.finishedAt,
    status: state.status,
    exitCode: state.exitCode,
    error: state.error,
    oomKilled: state.oomKilled,
    health: state.health,
    ports: (record.ports.length ? record.ports : record.config.ports).map(
      ({ containerPort, protocol, hostIp, hostPort }) => ({ containerPort, protocol, hostIp, hostPort }),
    ),
    ipAddress: isAlive(state.status) ? (record.endpoints[0]?.ipAddress ?? '') : '',
    networkMode: record.config.network,
    links: record.config.links,
    labels: record.config.labels,
    tty: record.config.tty,
  }
}

/** A command on one line, its arguments quoted when they hold a space, as `docker ps` shows it. */
const showCommand = ([program = '', ...args]: readonly string[]): string =>
  [program, ...args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ')
