import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { linkedTo } from './links.ts'

interface Port {
  readonly port: number
  readonly protocol: string
}

/** A linked container as its variables tell of it. */
interface LinkedContainer {
  /** Name of the container that has the link. */
  readonly parent: string
  readonly alias: string
  readonly address: string
  /** `80/tcp` … */
  readonly exposedPorts: readonly string[]
  readonly env: readonly string[]
}

/** A container as its processes run: with the variables of its links, as they are now, below its own. */
export function withLinkVariables(context: ServiceContext, record: ContainerRecord): ContainerRecord {
  const nameOf = (entry: string) => entry.split('=')[0]
  const own = new Set(record.process.env.map(nameOf))
  const links = linkEnvironmentOf(context, record).filter((entry) => !own.has(nameOf(entry)))
  return { ...record, process: { ...record.process, env: [...links, ...record.process.env] } }
}

/** The default network has no DNS to ask instead. */
function linkEnvironmentOf(context: ServiceContext, record: ContainerRecord): string[] {
  if (!record.endpoints.some(({ network }) => network === 'bridge')) return []
  return linkedTo(context, record).flatMap(({ other, alias }) => {
    const place = other.endpoints.find(({ network }) => network === 'bridge')
    if (!place || !isAlive(other.state.status)) return []
    const { exposedPorts } = other.config
    const { env } = other.process
    return linkVariables({ parent: record.name, alias, address: place.ipAddress, exposedPorts, env })
  })
}

/** `DB_PORT=tcp://…`, `DB_PORT_80_TCP_ADDR=…`, `DB_NAME=/web/db`, `DB_ENV_…` (moby `daemon/links`). */
export function linkVariables({ parent, alias, address, exposedPorts, env }: LinkedContainer): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_')
  const ports = exposedPorts.map(readPort).sort(byProtocolThenNumber)
  const urlOf = ({ port, protocol }: Port) => `${protocol}://${address}:${port}`
  const named = ({ port, protocol }: Port) => `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
  const [first] = ports
  return [
    ...(first ? [`${prefix}_PORT=${urlOf(first)}`] : []),
    ...runsOf(ports).flatMap(({ start, end }) => [
      `${named(start)}_START=${urlOf(start)}`,
      `${named(start)}_PORT_START=${start.port}`,
      `${named(end)}_END=${urlOf(end)}`,
      `${named(end)}_PORT_END=${end.port}`,
    ]),
    ...ports.flatMap((port) => [
      `${named(port)}=${urlOf(port)}`,
      `${named(port)}_ADDR=${address}`,
      `${named(port)}_PORT=${port.port}`,
      `${named(port)}_PROTO=${port.protocol}`,
    ]),
    `${prefix}_NAME=/${parent}/${alias}`,
    ...env
      .filter((entry) => entry.includes('=') && !/^(HOME|PATH)=/.test(entry))
      .map((entry) => `${prefix}_ENV_${entry}`),
  ]
}

function readPort(text: string): Port {
  const [port = '', protocol = 'tcp'] = text.split('/')
  return { port: Number(port), protocol }
}

/** TCP first: the first port is the one that stands for the container. */
function byProtocolThenNumber(a: Port, b: Port): number {
  if (a.protocol === b.protocol) return a.port - b.port
  return a.protocol === 'tcp' ? -1 : b.protocol === 'tcp' ? 1 : a.protocol.localeCompare(b.protocol)
}

/** Three or more ports that follow each other are told as a range too. */
function runsOf(ports: readonly Port[]): { readonly start: Port; readonly end: Port }[] {
  const runs: { start: Port; end: Port }[] = []
  for (const port of ports) {
    const run = runs.at(-1)
    if (run && run.end.protocol === port.protocol && run.end.port + 1 === port.port) run.end = port
    else runs.push({ start: port, end: port })
  }
  return runs.filter(({ start, end }) => end.port - start.port > 1)
}
