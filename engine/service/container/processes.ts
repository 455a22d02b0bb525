import { EngineError } from '../../contract/errors.ts'
import type { ProcessTable } from '../../runtime/container-runtime.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findContainer } from './find.ts'
import { isAlive } from './state.ts'
import { publishContainer } from './update-state.ts'

/** What ps(1) says of a running container's processes; `psArgs` are ps's own, `-ef` where there are none. */
export async function listContainerProcesses(
  context: ServiceContext,
  ref: string,
  psArgs: readonly string[],
): Promise<ProcessTable> {
  const record = requireAlive(context, ref)
  const table = await context.runtime.processes(record.id, psArgs.length > 0 ? psArgs : ['-ef'])
  publishContainer(context, record, 'top')
  return table
}

/** Sets the size of a running container's terminal. */
export async function resizeContainer(
  context: ServiceContext,
  ref: string,
  size: { readonly columns: number; readonly rows: number },
): Promise<void> {
  const record = requireAlive(context, ref)
  await context.runtime.resize(record.id, size)
  publishContainer(context, record, 'resize', { height: String(size.rows), width: String(size.columns) })
}

/** Bytes of a container's own layer, and with those of its image. */
export async function measureContainer(
  context: ServiceContext,
  ref: string,
): Promise<{ readonly ownBytes: number; readonly totalBytes: number }> {
  const record = findContainer(context.containers, ref)
  const ownBytes = await context.runtime.treeSize(context.layout.upper(record.id))
  const layers = context.images.get(record.imageId)?.layers ?? []
  return { ownBytes, totalBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, ownBytes) }
}

function requireAlive(context: ServiceContext, ref: string): ContainerRecord {
  const record = findContainer(context.containers, ref)
  if (isAlive(record.state.status)) return record
  throw new EngineError('conflict', 'container.not-running', `container ${record.id} is not running`)
}
