import type { ContainerDetail, ContainerSummary } from '../../contract/container.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { filesOwner } from '../network/join.ts'
import { describeEndpoints } from '../network/list.ts'
import { bindingsOf } from '../network/publish.ts'
import { findContainer } from './find.ts'
import type { HealthMonitor } from './health.ts'
import { isAlive } from './state.ts'

/** A container as a list of clients shows it: more than the window's, much less than everything. */
export interface ContainerRow extends Pick<ContainerDetail, 'config' | 'hostname' | 'networks' | 'mounts'> {
  readonly summary: ContainerSummary
}

/** Containers, newest first; without `all` only those with a process. */
export function listContainers(context: ServiceContext, all: boolean): ContainerSummary[] {
  return newestFirst(context, all).map((record) => summarise(context, record))
}

/** The same with where each is connected and what it mounts. */
export function listContainerRows(context: ServiceContext, all: boolean): ContainerRow[] {
  return newestFirst(context, all).map((record) => ({
    summary: summarise(context, record),
    config: record.config,
    hostname: record.hostname,
    networks: describeEndpoints(context, record),
    mounts: describeMounts(record),
  }))
}

function newestFirst(context: ServiceContext, all: boolean): ContainerRecord[] {
  return context.containers
    .list()
    .filter((record) => all || isAlive(record.state.status) || record.state.status === 'restarting')
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0))
}

const describeMounts = ({ mounts }: ContainerRecord) => mounts.map(({ isAnonymous: _, ...mount }) => mount)

/** Everything about one container. */
export function inspectContainer(context: ServiceContext, health: HealthMonitor, ref: string): ContainerDetail {
  const record = findContainer(context.containers, ref)
  const { layout } = context
  const [path = '', ...args] = record.process.args
  const filesOf = filesOwner(context, record)
  const { failures, results } = health.describe(record.id)
  return {
    ...summarise(context, record),
    pid: record.state.init?.pid ?? 0,
    restartCount: record.state.restartCount,
    appArmorProfile: record.state.appArmor,
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
    mounts: describeMounts(record),
  }
}

function summarise(context: ServiceContext, record: ContainerRecord): ContainerSummary {
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
    ports: (record.ports.length ? record.ports : bindingsOf(context, record)).map(
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
