import { EngineError } from '../contract/errors.ts'
import { isDigest } from './digest.ts'

const LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::\\d+)?$`)
const PATH_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DEFAULT_HOST = 'docker.io'

/** A name taken apart: the registry, the repository there, and what is meant of it. */
export interface Reference {
  readonly host: string
  readonly path: string
  /** `''` where the text has none. */
  readonly tag: string
  /** `sha256:…`, or `''`. */
  readonly digest: string
}

/** Reads `[host/]path[:tag][@digest]` with Docker's defaults for the host. A text that is no reference is refused. */
export function parseReference(text: string): Reference {
  const fail = () =>
    new EngineError(
      'invalidArgument',
      'reference.invalid',
      `invalid reference format: ${JSON.stringify(text.slice(0, 200))}`,
    )
  if (text.length > 512) throw fail()
  const at = text.indexOf('@')
  const digest = at < 0 ? '' : text.slice(at + 1)
  const name = at < 0 ? text : text.slice(0, at)
  if (at >= 0 && !isDigest(digest)) throw fail()
  const slash = name.indexOf('/')
  const first = slash > 0 ? name.slice(0, slash) : ''
  const hasHost = (/[.:]/.test(first) || first === 'localhost') && HOST.test(first)
  const host = hasHost && first !== 'index.docker.io' ? first : DEFAULT_HOST
  const rest = hasHost ? name.slice(slash + 1) : name
  const colon = rest.lastIndexOf(':')
  const hasTag = colon > rest.lastIndexOf('/')
  const tag = hasTag ? rest.slice(colon + 1) : ''
  const path = hasTag ? rest.slice(0, colon) : rest
  if (!path.split('/').every((part) => PATH_PART.test(part)) || (hasTag && !TAG.test(tag))) throw fail()
  return { host, path: host === DEFAULT_HOST && !path.includes('/') ? `library/${path}` : path, tag, digest }
}

/** `busybox` as `docker.io/library/busybox:latest`. A digest names no tag and is refused. */
export function normalizeReference(text: string): string {
  const { host, path, tag, digest } = parseReference(text)
  if (digest) {
    throw new EngineError(
      'invalidArgument',
      'reference.has-digest',
      `refusing to create a tag with a digest reference: ${JSON.stringify(text.slice(0, 300))}`,
    )
  }
  return `${host}/${path}:${tag || 'latest'}`
}

/** The short form that people type: `docker.io/library/busybox:latest` as `busybox:latest`. */
export function familiarReference(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '')
}

/** Whether a reference fits a pattern of `docker images`: with its tag or without, `*` and `?` within one part of a path. */
export function matchesReference(reference: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const wanted = new RegExp(`^${escaped.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`)
  return wanted.test(reference) || wanted.test(reference.replace(/:[^/:]+$/, ''))
}
