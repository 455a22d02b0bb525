import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** Reads `CONTAINER[:ALIAS]`. */
export function parseLink(text: string): { readonly container: string; readonly alias: string } {
  const [container = '', alias, rest] = text.split(':')
  const name = (alias ?? container).replace(/^.*\//, '')
  if (container !== '' && rest === undefined && /^[a-zA-Z0-9_.-]+$/.test(name)) return { container, alias: name }
  throw new EngineError('invalidArgument', 'link.invalid', `bad format for links: ${JSON.stringify(text)}`)
}

/** Containers that one names by `--link`: of its own, and of its places on networks. */
export function linkedTo(
  context: Pick<ServiceContext, 'containers'>,
  record: ContainerRecord,
): { other: ContainerRecord; alias: string }[] {
  const all = context.containers.list()
  return linksOf(record).flatMap((text) => {
    const { container, alias } = parseLink(text)
    const name = nameIn(container)
    // Many names are hexadecimal too: a name is never taken for the beginning of another one's id.
    const other = all.find((one) => one.name === name) ?? all.find(({ id }) => id.startsWith(name))
    return other ? [{ other, alias }] : []
  })
}

/** After a container got another name: links that knew it by the old one go on leading to it. */
export async function renameInLinks(context: ServiceContext, from: string, to: string): Promise<void> {
  const rename = (text: string) => {
    const { container, alias } = parseLink(text)
    return nameIn(container) === from ? `${to}:${alias}` : text
  }
  const isLinked = (text: string) => rename(text) !== text
  for (const { id } of context.containers.list().filter((record) => linksOf(record).some(isLinked)))
    await context.locks.withLock(id, async () => {
      const record = context.containers.get(id)
      if (!record) return
      const endpoints = record.endpoints.map((endpoint) => ({ ...endpoint, links: endpoint.links.map(rename) }))
      await context.containers.put({
        ...record,
        config: { ...record.config, links: record.config.links.map(rename) },
        endpoints,
      })
    })
}

const linksOf = ({ config, endpoints }: ContainerRecord): string[] => [
  ...config.links,
  ...endpoints.flatMap(({ links }) => links),
]

const nameIn = (container: string): string => container.replace(/^\//, '')
