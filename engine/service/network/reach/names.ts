import { readFile } from 'node:fs/promises'
import type { ReachWay } from '../../../contract/reach.ts'
import type { ServiceContext } from '../../context.ts'
import { hasEmbeddedDns } from '../hosts.ts'
import { linkedTo } from '../links.ts'
import { dnsNamesOf } from '../names.ts'
import type { Candidate } from './candidates.ts'
import type { End } from './ends.ts'

type Names = ReachWay['names']

/** A container's hosts file, as name → address; nothing where there is none. */
export async function readHosts(context: ServiceContext, { owner }: End): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(context.layout.containerFile(owner.id, 'hosts'), 'utf8').catch(() => '')
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    for (const name of names) if (!found.has(name)) found.set(name, address)
  }
  return found
}

/** Names by which the first container finds an address: of its hosts file, of its links, of the networks it shares. */
export function namesOf(
  context: ServiceContext,
  { a, b, candidate }: { readonly a: End; readonly b: End; readonly candidate: Candidate },
  hosts: ReadonlyMap<string, string>,
): Names {
  const { address, target, kind } = candidate
  const names: { name: string; source: Names[number]['source'] }[] = []
  if (kind === 'network' && target && hasEmbeddedDns(a.owner) && target.network.name !== 'bridge') {
    for (const name of dnsNamesOf(b.owner, target.endpoint)) names.push({ name, source: 'dns' })
    for (const { other, alias } of linkedTo(context, a.owner))
      if (other.id === b.owner.id) names.push({ name: alias, source: 'link' })
  }
  for (const [name, at] of hosts) if (at === address && kind !== 'same') names.push({ name, source: 'hosts' })
  if (kind === 'same') names.push({ name: 'localhost', source: 'hosts' })
  return names.filter(({ name }, index) => names.findIndex((one) => one.name === name) === index)
}
