import type {
  ContainerChange,
  ContainerDetail,
  CreateContainer,
  MountSpec,
  PortBinding,
  RestartPolicy,
} from '../../../engine/contract/container.ts'
import { joinCommand } from '../../lib/split-command.ts'
import { EMPTY_FIELDS, type MountRow, type NetworkRow, type RunFields, toRequest } from './run-request.ts'

/** How an edit is carried out: at once where that is possible, else by making the container anew. */
export type EditPlan =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'live'
      readonly name: string | null
      readonly ports: readonly PortBinding[] | null
      readonly update: { readonly resources: LiveLimits; readonly restart: RestartPolicy | null } | null
    }
  | { readonly kind: 'anew'; readonly change: ContainerChange }
type LiveLimits = { readonly memoryBytes?: number; readonly cpus?: number }

/** A container's settings as the dialog shows them. */
export function fieldsOf(detail: ContainerDetail): RunFields {
  const { config } = detail
  return {
    ...EMPTY_FIELDS,
    image: config.image,
    name: detail.name,
    command: joinCommand(config.command ?? []),
    networks: networksOf(detail),
    ports: config.ports.map(({ hostIp, hostPort, hostPortEnd, containerPort, protocol }) => ({
      hostPort: `${hostIp && `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:`}${hostPort || ''}${hostPortEnd ? `-${hostPortEnd}` : ''}`,
      containerPort: String(containerPort),
      protocol,
    })),
    mounts: config.mounts
      .filter(({ type }) => type !== 'tmpfs')
      .map(({ source, target, readOnly }) => ({ source, target, isReadOnly: readOnly })),
    env: config.env.map((entry) => {
      const cut = entry.indexOf('=')
      return cut < 0 ? { name: entry, value: '' } : { name: entry.slice(0, cut), value: entry.slice(cut + 1) }
    }),
    user: config.user ?? '',
    workingDir: config.workingDir ?? '',
    hostname: config.hostname,
    memory: showBytes(config.resources.memoryBytes),
    cpus: config.resources.cpus ? String(config.resources.cpus) : '',
    restart: config.restart.name,
    isTty: config.tty,
    isInit: config.init,
    isReadOnly: config.readOnlyRootfs,
    isAutoRemove: config.autoRemove,
  }
}

function networksOf({ config, networks }: ContainerDetail): NetworkRow[] {
  if (config.network === 'host' || config.network === 'none') return [{ network: config.network, ipAddress: '' }]
  return networks.map(({ network, requested }) => ({ network, ipAddress: requested.ipAddress }))
}

const UNITS = [
  ['g', 2 ** 30],
  ['m', 2 ** 20],
  ['k', 2 ** 10],
] as const

function showBytes(bytes: number): string {
  const [unit, size] = UNITS.find(([, one]) => bytes > 0 && bytes % one === 0) ?? ['', 1]
  return bytes === 0 ? '' : `${bytes / size}${unit}`
}

/**
 * What has to be done for the fields to hold. Ports, name, restart policy and limits change while a container runs.
 * @throws FieldError when a number, a port or a path cannot be read
 */
export function planEdit(detail: ContainerDetail, fields: RunFields): EditPlan {
  const before = fieldsOf(detail)
  const asked = toRequest(fields)
  const isChanged = (...keys: readonly (keyof RunFields)[]) =>
    keys.some((key) => JSON.stringify(before[key]) !== JSON.stringify(fields[key]))
  const name = isChanged('name') ? fields.name.trim() : null
  const ports = isChanged('ports') ? ((asked.ports ?? []) as PortBinding[]) : null
  const restart = isChanged('restart') ? { name: fields.restart, maximumRetryCount: 0 } : null
  const { memoryBytes = 0, cpus = 0 } = asked.resources ?? {}
  const limits = {
    ...(isChanged('memory') ? { memoryBytes } : {}),
    ...(isChanged('cpus') ? { cpus } : {}),
  }
  const anew = changesAnew(detail, fields, isChanged)
  // A limit can be changed while something runs, but not be taken away.
  const isLifted = Object.values(limits).includes(0)
  if (Object.keys(anew).length > 0 || isLifted) {
    return {
      kind: 'anew',
      change: {
        ...anew,
        ...(name === null ? {} : { name }),
        ...(ports === null ? {} : { ports }),
        ...(restart === null ? {} : { restart }),
        ...(Object.keys(limits).length > 0 ? { resources: { ...detail.config.resources, ...limits } } : {}),
      },
    }
  }
  const update = restart !== null || Object.keys(limits).length > 0 ? { resources: limits, restart } : null
  return name === null && ports === null && update === null
    ? { kind: 'nothing' }
    : { kind: 'live', name, ports, update }
}

function changesAnew(
  detail: ContainerDetail,
  fields: RunFields,
  isChanged: (...keys: readonly (keyof RunFields)[]) => boolean,
): ContainerChange {
  const asked = toRequest(fields)
  return {
    ...(isChanged('command') ? { command: asked.command ?? null } : {}),
    ...(isChanged('env') ? { env: asked.env ?? [] } : {}),
    ...(isChanged('mounts') ? { mounts: mountsOf(detail.config, fields.mounts, asked.mounts as MountSpec[]) } : {}),
    ...(isChanged('networks') ? placesOf(detail, fields.networks, asked.network ?? 'bridge') : {}),
    ...(isChanged('user') ? { user: asked.user ?? null } : {}),
    ...(isChanged('workingDir') ? { workingDir: asked.workingDir ?? null } : {}),
    ...(isChanged('hostname') ? { hostname: fields.hostname.trim() } : {}),
    ...(isChanged('isTty') ? { tty: fields.isTty, openStdin: fields.isTty } : {}),
    ...(isChanged('isInit') ? { init: fields.isInit } : {}),
    ...(isChanged('isReadOnly') ? { readOnlyRootfs: fields.isReadOnly } : {}),
    ...(isChanged('isAutoRemove') ? { autoRemove: fields.isAutoRemove } : {}),
  }
}

/** The rows as mounts; one that was there keeps what the dialog does not show of it, and so does every tmpfs. */
function mountsOf({ mounts }: CreateContainer, rows: readonly MountRow[], asked: readonly MountSpec[]): MountSpec[] {
  const shown = rows.filter(({ source, target }) => source || target)
  const edited = asked.map((mount, index) => {
    const old = mounts.find(
      ({ type, source, target }) => type !== 'tmpfs' && source === mount.source && target === mount.target,
    )
    return old ? { ...old, readOnly: shown[index]?.isReadOnly ?? false } : mount
  })
  return [...edited, ...mounts.filter(({ type }) => type === 'tmpfs')]
}

/** The rows as places; one that was there keeps its names, links and priority. */
function placesOf(
  { networks }: ContainerDetail,
  rows: readonly NetworkRow[],
  network: string,
): Required<Pick<ContainerChange, 'network' | 'endpoints'>> {
  const isAlone = network === 'host' || network === 'none'
  const endpoints = (isAlone ? [] : rows.filter((row) => row.network !== '')).map((row) => {
    const old = networks.find((place) => place.network === row.network)
    return {
      network: row.network,
      ipAddress: row.ipAddress.trim(),
      ipv6Address: old?.requested.ipv6Address ?? '',
      macAddress: '',
      aliases: old?.aliases ?? [],
      links: old?.links ?? [],
      priority: old?.priority ?? 0,
    }
  })
  return { network, endpoints }
}
