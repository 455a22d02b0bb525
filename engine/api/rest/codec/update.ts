import { RestartPolicy } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import type { ContainerUpdate } from '../../../service/container/update.ts'
import { assertSupported, readBlockIo, readResources } from './create-host.ts'
import { type Json, number, object, text } from './json.ts'

/** The body of `POST /containers/{id}/update`: what is absent or zero stays as it is. */
export function fromUpdateBody(body: Json): ContainerUpdate {
  assertSupported(body)
  const { pids: _, memorySwappiness: __, ...resources } = readResources(body)
  const policy = object(body['RestartPolicy'])
  const name = text(policy['Name'])
  const restart =
    name === '' ? null : RestartPolicy.safeParse({ name, maximumRetryCount: number(policy['MaximumRetryCount']) })
  if (restart && !restart.success)
    throw new EngineError('invalidArgument', 'restart.invalid', `invalid restart policy: unknown policy '${name}'`)
  return {
    resources: {
      ...resources,
      pids: typeof body['PidsLimit'] === 'number' ? body['PidsLimit'] || -1 : undefined,
    },
    blockIoWeight: readBlockIo(body).weight ?? 0,
    restart: restart?.data ?? null,
  }
}
