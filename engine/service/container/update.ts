import { type CreateContainer, ResourceLimits, type RestartPolicy } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { NO_BLOCK_IO } from '../../runtime/limits.ts'
import type { ServiceContext } from '../context.ts'
import { currentContainer, findContainer } from './find.ts'
import { isAlive } from './state.ts'
import { publishContainer } from './update-state.ts'

/** Limits to change: 0, `''` and absent leave what is; pids of −1 are none. */
export interface ContainerUpdate {
  readonly resources: Partial<Omit<ResourceLimits, 'pids'>> & { readonly pids?: number | undefined }
  readonly blockIoWeight?: number
  readonly restart: RestartPolicy | null
}

/** Changes limits and restart policy of a container, of a running one at once. Answers with warnings. */
export async function updateContainer(
  context: ServiceContext,
  ref: string,
  update: ContainerUpdate,
): Promise<readonly string[]> {
  const { id } = findContainer(context.containers, ref)
  return context.locks.withLock(id, async () => {
    const record = currentContainer(context.containers, id)
    const { config, state } = record
    if (state.status === 'removing' || state.status === 'dead')
      throw new EngineError(
        'conflict',
        'container.state',
        `Cannot update container ${id}: container is marked for removal and cannot be "update"`,
      )
    if (update.restart && update.restart.name !== 'no' && config.autoRemove)
      throw new EngineError(
        'invalidArgument',
        'update.auto-remove',
        'Restart policy cannot be updated because AutoRemove is enabled for the container',
      )
    const wanted = mergeLimits(config.resources, update.resources)
    const { resources, warnings } = context.runtime.checkLimits(wanted)
    const { blockIoWeight = 0 } = update
    const weight = context.config.mode === 'rootless' ? 0 : blockIoWeight
    const blockIo = { ...config.blockIo, weight: weight || config.blockIo.weight }
    const next = { ...record, config: { ...config, resources, blockIo, restart: update.restart ?? config.restart } }
    if (isAlive(state.status) && isChanged(next.config, config)) await context.runtime.applyLimits(next)
    await context.containers.put(next)
    publishContainer(context, next, 'update')
    return weight === blockIoWeight ? warnings : [...warnings, NO_BLOCK_IO]
  })
}

type Limited = Pick<CreateContainer, 'resources' | 'blockIo'>
const limitsIn = ({ resources, blockIo }: Limited) => JSON.stringify([resources, blockIo])
const isChanged = (a: Limited, b: Limited) => limitsIn(a) !== limitsIn(b)

/** What is asked for over what is. Contradictions are refused in Docker's words. */
export function mergeLimits(
  old: CreateContainer['resources'],
  asked: ContainerUpdate['resources'],
): CreateContainer['resources'] {
  const { pids, ...rest } = asked
  const given = Object.fromEntries(
    Object.entries(rest).filter(([, value]) => value !== undefined && value !== 0 && value !== '' && value !== false),
  )
  const refuse = (text: string) => new EngineError('conflict', 'limits.conflict', text)
  if (asked.cpus && (old.cpuPeriod || old.cpuQuota))
    throw refuse('Conflicting options: Nano CPUs cannot be updated as CPU Period or Quota has already been set')
  if ((asked.cpuPeriod || asked.cpuQuota) && old.cpus)
    throw refuse('Conflicting options: CPU Period or Quota cannot be updated as NanoCPUs has already been set')
  if (asked.memoryBytes && !asked.memorySwapBytes && old.memorySwapBytes > 0 && asked.memoryBytes > old.memorySwapBytes)
    throw refuse(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    )
  const swappiness = asked.memorySwappiness === undefined ? old.memorySwappiness : asked.memorySwappiness
  return ResourceLimits.parse({
    ...old,
    ...given,
    memorySwappiness: swappiness,
    pids: pids === undefined ? old.pids : Math.max(0, pids),
  })
}
