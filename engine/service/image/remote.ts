import type { RegistryAuth } from '../../contract/image.ts'
import type { RemoteDescription } from '../../contract/registry.ts'
import { parseReference } from '../../lib/reference.ts'
import type { Repository } from '../../registry/registry.ts'
import type { ServiceContext } from '../context.ts'

interface RemoteName {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
}

/** The repository that a reference names, to read from. */
export function openRepository(context: ServiceContext, { reference, auth }: RemoteName): Promise<Repository> {
  return context.registry.open(parseReference(reference), { access: 'pull', credentials: auth })
}

/** What a reference stands for in its registry. */
export async function describeRemote(
  context: ServiceContext,
  name: RemoteName,
  signal: AbortSignal,
): Promise<RemoteDescription> {
  const { tag, digest } = parseReference(name.reference)
  return (await openRepository(context, name)).describe(digest || tag || 'latest', signal)
}
