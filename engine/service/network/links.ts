import { EngineError } from '../../contract/errors.ts'

/** Reads `CONTAINER[:ALIAS]`. */
export function parseLink(text: string): { readonly container: string; readonly alias: string } {
  const [container = '', alias, rest] = text.split(':')
  const name = (alias ?? container).replace(/^.*\//, '')
  if (container !== '' && rest === undefined && /^[a-zA-Z0-9_.-]+$/.test(name)) return { container, alias: name }
  throw new EngineError('invalidArgument', 'link.invalid', `bad format for links: ${JSON.stringify(text)}`)
}
