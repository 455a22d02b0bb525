import { EngineError } from '../contract/errors.ts'

/** The `config` part of an image's config file (OCI image spec, "Image Configuration"). */
export type RunConfig = Record<string, unknown>

const INSTRUCTION = /^\s*(\w+)\s+([\s\S]+?)\s*$/
const PAIR = /([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|(?:\\.|[^\s\\])*)/g

/** Lays instructions of a Dockerfile over a config, as `docker commit --change` and `docker import --change` take them. */
export function changeConfig(config: RunConfig, changes: readonly string[]): RunConfig {
  const changed = { ...config }
  for (const text of changes) Object.assign(changed, readChange(changed, text))
  return changed
}

function readChange(config: RunConfig, text: string): RunConfig {
  const [, name = '', rest = ''] = INSTRUCTION.exec(text) ?? []
  switch (name.toUpperCase()) {
    case 'CMD':
      return { Cmd: readCommand(rest) }
    case 'ENTRYPOINT':
      return { Entrypoint: readCommand(rest) }
    case 'ENV':
      return { Env: withEnv(config['Env'], readPairs(rest)) }
    case 'LABEL':
      return { Labels: { ...(config['Labels'] as object | null), ...Object.fromEntries(readPairs(rest)) } }
    case 'EXPOSE':
      return { ExposedPorts: withKeys(config['ExposedPorts'], rest.split(/\s+/).map(withProtocol)) }
    case 'VOLUME':
      return { Volumes: withKeys(config['Volumes'], readList(rest) ?? rest.split(/\s+/)) }
    case 'USER':
      return { User: rest }
    case 'WORKDIR':
      return {
        WorkingDir: rest.startsWith('/') ? rest : `${String(config['WorkingDir'] || '/')}/${rest}`.replace('//', '/'),
      }
    case 'STOPSIGNAL':
      return { StopSignal: rest }
    case 'ONBUILD':
      return { OnBuild: [...((config['OnBuild'] as string[] | null) ?? []), rest] }
    default:
      throw new EngineError(
        'invalidArgument',
        'change.invalid',
        `${JSON.stringify(text.slice(0, 100))} is not a valid change: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR are`,
      )
  }
}

/** `["a","b"]` as it stands, anything else by the shell. */
function readCommand(text: string): string[] {
  return readList(text) ?? ['/bin/sh', '-c', text]
}

function readList(text: string): string[] | null {
  if (!text.startsWith('[')) return null
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) && list.every((part) => typeof part === 'string') ? list : null
  } catch {
    return null
  }
}

/** `a=1 b="two words"`, or the older `a the rest`. */
function readPairs(text: string): [string, string][] {
  if (!/^[^\s=]+=/.test(text)) {
    const [, key = '', value = ''] = /^(\S+)\s+([\s\S]*)$/.exec(text) ?? []
    return [[key || text, value]]
  }
  return [...text.matchAll(PAIR)].map(([, key = '', value = '']) => [key, unquote(value)])
}

function unquote(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1)
  return (text.startsWith('"') ? text.slice(1, -1) : text).replace(/\\(.)/g, '$1')
}

function withEnv(env: unknown, pairs: readonly (readonly [string, string])[]): string[] {
  const entries = new Map(((env as string[] | null | undefined) ?? []).map((entry) => [entry.split('=', 1)[0], entry]))
  for (const [key, value] of pairs) entries.set(key, `${key}=${value}`)
  return [...entries.values()]
}

const withKeys = (held: unknown, keys: readonly string[]) => ({
  ...(held as object | null),
  ...Object.fromEntries(keys.map((key) => [key, {}])),
})
const withProtocol = (port: string) => (port.includes('/') ? port : `${port}/tcp`)
