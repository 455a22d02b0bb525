import type { ContainerSummary } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { hasLabels } from '../../../lib/labels.ts'
import type { ContainerRow } from '../../../service/container/list.ts'
import type { Services } from '../../../service/services.ts'
import { toListItem } from '../codec/container.ts'
import { isTrue, parseFilters, type RestRequest } from '../http.ts'

const FILTERS = [
  ...['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'is-task', 'isolation', 'label', 'name', 'network'],
  ...['publish', 'since', 'status', 'volume'],
]
const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const HEALTH = ['starting', 'healthy', 'unhealthy', 'none']

type Filters = ReadonlyMap<string, readonly string[]>

/** `GET /containers/json`: newest first, filtered as dockerd filters. */
export async function listContainers(services: Services, { query, version }: RestRequest) {
  const { container } = services
  const filters = parseFilters(query.get('filters'), FILTERS)
  assertValues(filters)
  const limit = Number(query.get('limit') || query.get('n') || 0)
  const isWide = ['status', 'exited', 'before', 'since'].some((name) => filters.has(name)) || limit > 0
  const shown = container.rows(isTrue(query.get('all')) || isWide)
  const around = boundaries(container, filters)
  const ancestors = await imagesOf(services, filters.get('ancestor'))
  const rows: ContainerRow[] = []
  for (const row of shown) {
    if (!around(row.summary) || (ancestors && !ancestors.has(row.summary.imageId))) continue
    if (matches(row, filters)) rows.push(row)
    if (limit > 0 && rows.length === limit) break
  }
  const now = Date.now()
  const isSized = isTrue(query.get('size'))
  return Promise.all(
    rows.map(async (row) => {
      const item = toListItem(row, { now, version })
      if (!isSized) return item
      const { ownBytes, totalBytes } = await container.measure(row.summary.id)
      return { ...item, SizeRw: ownBytes, SizeRootFs: totalBytes }
    }),
  )
}

function assertValues(filters: Filters): void {
  const check = (name: string, isValid: (value: string) => boolean) => {
    const odd = filters.get(name)?.find((value) => !isValid(value))
    if (odd !== undefined) throw new EngineError('invalidArgument', 'filter.invalid', `invalid filter '${name}=${odd}'`)
  }
  check('status', (value) => STATUSES.includes(value))
  check('health', (value) => HEALTH.includes(value))
  check('exited', (value) => /^-?\d+$/.test(value))
  check('is-task', (value) => /^(true|false|0|1)$/i.test(value))
}

/** `before` and `since` name a container: older or newer ones are wanted. */
function boundaries(container: Services['container'], filters: Filters): (summary: ContainerSummary) => boolean {
  const times = (name: string) => (filters.get(name) ?? []).map((ref) => container.inspect(ref).createdAt)
  const [before, since] = [times('before'), times('since')]
  return ({ createdAt }) => before.every((time) => createdAt < time) && since.every((time) => createdAt > time)
}

/** Ids of the images that are named, or built on one that is; `null` without the filter. */
async function imagesOf({ image }: Services, wanted: readonly string[] | undefined): Promise<Set<string> | null> {
  if (!wanted) return null
  const all = await image.list()
  const named = (text: string) =>
    all.filter(
      ({ id, references }) =>
        id === text ||
        id.startsWith(`sha256:${text}`) ||
        references.some((reference) => [text, `${text}:latest`].includes(familiar(reference))),
    )
  return new Set(wanted.flatMap((text) => named(familiar(text)).map(({ id }) => id)))
}

const familiar = (reference: string) => reference.replace(/^docker\.io\/(library\/)?/, '')

function matches({ summary, config, networks, mounts }: ContainerRow, filters: Filters): boolean {
  const any = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true
  return (
    any('id', (value) => summary.id.startsWith(value)) &&
    any('name', (value) => isNamed(summary.name, value)) &&
    any('status', (value) => summary.status === value) &&
    any('exited', (value) => summary.status === 'exited' && summary.exitCode === Number(value)) &&
    any('health', (value) => summary.health === value) &&
    any('network', (value) => networks.some(({ network, networkId }) => [network, networkId].includes(value))) &&
    any('volume', (value) => mounts.some(({ name, target, hostPath }) => [name, target, hostPath].includes(value))) &&
    any('publish', (value) =>
      config.ports.some((port) => isPort(value, port.hostPort || portOf(summary, port), port.protocol)),
    ) &&
    any('expose', (value) => config.exposedPorts.some((port) => isExposed(value, port))) &&
    any('is-task', (value) => /^(false|0)$/i.test(value)) &&
    any('isolation', (value) => value === 'default') &&
    hasLabels(summary.labels, filters.get('label') ?? [])
  )
}

/** dockerd takes names for patterns, and what is none for itself. */
function isNamed(name: string, wanted: string): boolean {
  const text = wanted.replace(/^\^?\//, (start) => (start.startsWith('^') ? '^' : ''))
  try {
    return new RegExp(text).test(name)
  } catch {
    return name.includes(wanted)
  }
}

function portOf(summary: ContainerSummary, { containerPort, protocol }: { containerPort: number; protocol: string }) {
  return summary.ports.find((port) => port.containerPort === containerPort && port.protocol === protocol)?.hostPort ?? 0
}

/** `port` as it is kept: `80/tcp`. */
function isExposed(wanted: string, port: string): boolean {
  const [number, protocol = 'tcp'] = port.split('/')
  return isPort(wanted, Number(number), protocol)
}

/** `80`, `8000-8080/udp` … */
function isPort(wanted: string, port: number, protocol: string): boolean {
  const [, first = '', last = first, kind = 'tcp'] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(wanted) ?? []
  if (first === '') throw new EngineError('invalidArgument', 'filter.invalid', `invalid port filter: ${wanted}`)
  return port >= Number(first) && port <= Number(last) && kind === protocol
}
