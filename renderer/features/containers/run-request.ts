import type {
  CreateContainerInput,
  MountInput,
  PortBinding,
  RestartPolicy,
} from '../../../engine/contract/container.ts'
import { splitCommand } from '../../lib/split-command.ts'

export interface PortRow {
  readonly hostPort: string
  readonly containerPort: string
  readonly protocol: PortBinding['protocol']
}
export interface MountRow {
  readonly source: string
  readonly target: string
  readonly isReadOnly: boolean
}
export interface EnvRow {
  readonly name: string
  readonly value: string
}
/** A place on a network; the first is the container's own. An empty address is the engine's to choose. */
export interface NetworkRow {
  readonly network: string
  readonly ipAddress: string
}
/** The fields of the run and edit dialogs as they are typed. */
export interface RunFields {
  readonly image: string
  readonly name: string
  readonly command: string
  readonly networks: readonly NetworkRow[]
  readonly ports: readonly PortRow[]
  readonly mounts: readonly MountRow[]
  readonly env: readonly EnvRow[]
  readonly user: string
  readonly workingDir: string
  readonly hostname: string
  readonly memory: string
  readonly cpus: string
  readonly restart: RestartPolicy['name']
  readonly isTty: boolean
  readonly isInit: boolean
  readonly isReadOnly: boolean
  readonly isAutoRemove: boolean
}

export const EMPTY_FIELDS: RunFields = {
  image: '',
  name: '',
  command: '',
  networks: [],
  ports: [],
  mounts: [],
  env: [],
  user: '',
  workingDir: '',
  hostname: '',
  memory: '',
  cpus: '',
  restart: 'no',
  isTty: false,
  isInit: false,
  isReadOnly: false,
  isAutoRemove: false,
}

/** The field that cannot be read, by its name in `RunFields`. */
export class FieldError extends Error {
  readonly field: keyof RunFields
  readonly value: string
  constructor(field: keyof RunFields, value: string) {
    super(`${field}: ${value}`)
    this.field = field
    this.value = value
  }
}

/**
 * What the engine is asked for. Rows left empty are no rows.
 * @throws FieldError when a number, a port or a path cannot be read
 */
export function toRequest(fields: RunFields): CreateContainerInput {
  const command = splitCommand(fields.command)
  return {
    image: fields.image.trim(),
    name: fields.name.trim(),
    command: command.length > 0 ? command : null,
    ...toPlaces(fields.networks),
    ports: fields.ports.filter(({ hostPort, containerPort }) => hostPort || containerPort).map(toPort),
    mounts: fields.mounts.filter(({ source, target }) => source || target).map(toMount),
    env: fields.env.filter(({ name }) => name.trim()).map(({ name, value }) => `${name.trim()}=${value}`),
    user: fields.user.trim() || null,
    workingDir: fields.workingDir.trim() || null,
    hostname: fields.hostname.trim(),
    resources: {
      memoryBytes: parseBytes(fields.memory),
      cpus: parsePositive('cpus', fields.cpus),
      pids: 0,
    },
    restart: { name: fields.restart, maximumRetryCount: 0 },
    tty: fields.isTty,
    openStdin: fields.isTty,
    init: fields.isInit,
    readOnlyRootfs: fields.isReadOnly,
    autoRemove: fields.isAutoRemove,
  }
}

/** Networks that no other can stand beside. */
const ALONE: readonly string[] = ['host', 'none']

function toPlaces(rows: readonly NetworkRow[]): Pick<CreateContainerInput, 'network' | 'endpoints'> {
  const places = rows.filter(({ network }) => network !== '')
  const [first] = places
  if (!first) return {}
  const endpoints = ALONE.includes(first.network) ? [] : places
  return {
    network: first.network,
    endpoints: endpoints.map(({ network, ipAddress }) => ({ network, ipAddress: ipAddress.trim() })),
  }
}

function toPort({ hostPort, containerPort, protocol }: PortRow): PortBinding {
  const cut = hostPort.lastIndexOf(':')
  const [host = '', end] = hostPort
    .slice(cut + 1)
    .trim()
    .split('-')
  return {
    hostIp: cut > 0 ? hostPort.slice(0, cut).replace(/^\[|\]$/g, '') : '',
    hostPort: host === '' ? 0 : parsePort(host),
    ...(end === undefined ? {} : { hostPortEnd: parsePort(end) }),
    containerPort: parsePort(containerPort || host),
    protocol,
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text.trim()) || port < 1 || port > 65_535) throw new FieldError('ports', text)
  return port
}

/** A row of mounts as the engine takes it. */
export function toMount({ source, target, isReadOnly }: MountRow): MountInput {
  if (!target.startsWith('/')) throw new FieldError('mounts', target || source)
  const type = source.startsWith('/') ? 'bind' : 'volume'
  return { type, source: source.trim(), target: target.trim(), readOnly: isReadOnly, propagation: 'rprivate' }
}

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** `512m`, `2 GB`, `1.5g` … in bytes; empty is 0, no limit. */
export function parseBytes(text: string): number {
  if (text.trim() === '') return 0
  const match = /^\s*(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?\s*$/i.exec(text)
  const unit = UNITS[(match?.[2] || 'b').toLowerCase()]
  if (!match || unit === undefined) throw new FieldError('memory', text)
  return Math.round(Number(match[1]) * unit)
}

function parsePositive(field: keyof RunFields, text: string): number {
  if (text.trim() === '') return 0
  const value = Number(text)
  if (!(value > 0)) throw new FieldError(field, text)
  return value
}
