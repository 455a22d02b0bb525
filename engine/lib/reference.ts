import { EngineError } from '../contract/errors.ts'

const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?$/
const PATH_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DEFAULT_HOST = 'docker.io'

/** `busybox` as `docker.io/library/busybox:latest`. A text that is no reference is refused. */
export function normalizeReference(text: string): string {
  const fail = () =>
    new EngineError(
      'invalidArgument',
      'reference.invalid',
      `invalid reference format: ${JSON.stringify(text.slice(0, 200))}`,
    )
  if (text.length > 512) throw fail()
  const slash = text.indexOf('/')
  const first = slash > 0 ? text.slice(0, slash) : ''
  const hasHost = first !== '' && (/[.:]/.test(first) || first === 'localhost') && HOST.test(first)
  const host = hasHost ? first : DEFAULT_HOST
  const rest = hasHost ? text.slice(slash + 1) : text
  const colon = rest.lastIndexOf(':')
  const hasTag = colon > rest.lastIndexOf('/')
  const tag = hasTag ? rest.slice(colon + 1) : 'latest'
  let path = hasTag ? rest.slice(0, colon) : rest
  if (!path.split('/').every((part) => PATH_PART.test(part)) || !TAG.test(tag)) throw fail()
  if (host === DEFAULT_HOST && !path.includes('/')) path = `library/${path}`
  return `${host}/${path}:${tag}`
}

/** The short form that people type: `docker.io/library/busybox:latest` as `busybox:latest`. */
export function familiarReference(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '')
}
