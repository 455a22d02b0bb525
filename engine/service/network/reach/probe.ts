import { EngineError } from '../../../contract/errors.ts'
import type { ProbeAnswer } from '../../../contract/reach.ts'
import type { ServiceContext } from '../../context.ts'
import { hasEmbeddedDns } from '../hosts.ts'
import { findEnd } from './ends.ts'
import { readHosts } from './names.ts'

const TIMEOUT_MS = 3000

/** Connects from inside a container's network: a name is looked up as a program there would, hosts file first. */
export async function probeFrom(
  context: ServiceContext,
  input: {
    readonly from: string
    readonly address: string
    readonly port: number
    readonly protocol: 'tcp' | 'udp'
    readonly name: string
  },
): Promise<ProbeAnswer> {
  const { protocol, port, name } = input
  const end = findEnd(context, input.from)
  const process = end.record.state.init
  if (!end.isRunning || !process)
    throw new EngineError(
      'conflict',
      'probe.not-running',
      `${end.record.name} does not run: start it, and try again from there`,
      { details: { container: end.record.name } },
    )
  const known = name ? (await readHosts(context, end)).get(name) : undefined
  const isAsked = name !== '' && known === undefined
  if (isAsked && !hasEmbeddedDns(end.owner))
    return { result: 'unresolved', address: '', resolved: [], resolvedBy: '', milliseconds: 0, error: 'ENOTFOUND' }
  const outcome = await context.network.inspection.probe({
    process,
    protocol,
    address: known ?? input.address,
    port,
    name: isAsked ? name : '',
    timeoutMs: TIMEOUT_MS,
  })
  const resolved = known === undefined ? [...outcome.resolved] : [known]
  return { ...outcome, resolved, resolvedBy: known !== undefined ? 'hosts' : isAsked ? 'dns' : '' }
}
