import type { PortBinding } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { assertModeFits, parseNetworkMode } from '../network/mode.ts'
import { portsOf } from '../network/publish.ts'
import { refreshNames } from '../network/refresh.ts'
import { currentContainer, findContainer } from './find.ts'
import { isAlive } from './state.ts'
import { publishContainer } from './update-state.ts'

/**
 * Publishes these ports of a container and no others. One that runs has them at once: what stays keeps its connections,
 * new ones are open before old ones close, and when one of them cannot be had everything is as it was.
 */
export async function setContainerPorts(
  context: ServiceContext,
  ref: string,
  ports: readonly PortBinding[],
): Promise<void> {
  const { id } = findContainer(context.containers, ref)
  await context.locks.withLock(id, async () => {
    const record = currentContainer(context.containers, id)
    const next = withPorts(record, ports)
    assertCanPublish(next)
    if (!isAlive(record.state.status)) await context.containers.put(next)
    else {
      const opened = await context.network.publish(id, portsOf(context, next, chosenBefore(record, ports)))
      try {
        await context.containers.put({ ...next, ports: [...opened] })
      } catch (error) {
        await context.network.publish(id, record.ports)
        throw error
      }
      // Others find its services by these.
      await refreshNames(
        context,
        next.endpoints.map(({ network }) => network),
        id,
      )
    }
    publishContainer(context, next, 'update')
  })
}

function withPorts(record: ContainerRecord, ports: readonly PortBinding[]): ContainerRecord {
  const bound = ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`)
  const exposedPorts = [...new Set([...record.config.exposedPorts, ...bound])]
  return { ...record, config: { ...record.config, ports: [...ports], exposedPorts } }
}

function assertCanPublish({ name, config }: ContainerRecord): void {
  const mode = parseNetworkMode(config.network)
  assertModeFits(mode, config)
  if (mode.kind === 'network' || config.ports.length === 0) return
  throw new EngineError(
    'invalidArgument',
    'network.conflicting-options',
    `container "${name}" is in ${mode.kind} network mode and cannot publish ports; connect it to a network of its own first`,
  )
}

/** The host ports that the engine chose for bindings which are asked for again as they were. */
function chosenBefore(record: ContainerRecord, ports: readonly PortBinding[]): (number | undefined)[] {
  const left = record.config.ports.map((binding, index) => ({
    key: keyOf(binding),
    hostPort: record.ports[index]?.hostPort,
  }))
  return ports.map((port) => {
    const at = left.findIndex(({ key }) => key === keyOf(port))
    return at < 0 ? undefined : left.splice(at, 1)[0]?.hostPort
  })
}

const keyOf = ({ containerPort, protocol, hostIp, hostPort, hostPortEnd = 0 }: PortBinding) =>
  [containerPort, protocol, hostIp, hostPort, hostPortEnd].join(' ')
