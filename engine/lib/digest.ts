import { createHash } from 'node:crypto'
import { EngineError } from '../contract/errors.ts'

const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Whether a text is a digest that may become a path. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text)
}

/** Refuses anything but `sha256:<64 lower-case hex>`; `where` names the place it stood in. */
export function assertDigest(text: unknown, where: string): string {
  if (typeof text === 'string' && isDigest(text)) return text
  throw new EngineError(
    'invalidArgument',
    'digest.invalid',
    `${where}: ${JSON.stringify(text)?.slice(0, 100)} is not a sha256 digest`,
  )
}

/** `sha256:…` of bytes. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Chain ids of a stack of layers, lowest first (OCI image spec, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const parent = chain.at(-1)
    chain.push(parent ? digestOf(`${parent} ${diffId}`) : diffId)
  }
  return chain
}
