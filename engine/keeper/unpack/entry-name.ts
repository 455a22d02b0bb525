import { EngineError } from '../../contract/errors.ts'

/** What a name in a layer means. */
export type LayerName =
  | { readonly kind: 'root' }
  | { readonly kind: 'entry'; readonly path: string }
  | { readonly kind: 'whiteout'; readonly path: string }
  | { readonly kind: 'opaque'; readonly path: string }
  | { readonly kind: 'metadata' }

const PREFIX = '.wh.'

/** Reads a layer entry's name (OCI image spec, "Representing Changes"). Names that leave the root are refused. */
export function readLayerName(name: string): LayerName {
  if (name.includes('\0')) throw escapeError(name)
  if (name.startsWith('/')) throw escapeError(name)
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw escapeError(name)
  const base = parts.at(-1)
  if (base === undefined) return { kind: 'root' }
  const parent = parts.slice(0, -1).join('/')
  if (parts.slice(0, -1).some((part) => part.startsWith(PREFIX) && !part.startsWith('.wh..wh.')))
    throw whiteoutError(name)
  if (!base.startsWith(PREFIX)) return { kind: 'entry', path: `/${parts.join('/')}` }
  if (base === '.wh..wh..opq') return { kind: 'opaque', path: `/${parent}` }
  if (base.startsWith('.wh..wh.')) return { kind: 'metadata' }
  const hidden = base.slice(PREFIX.length)
  if (hidden === '' || hidden === '.' || hidden === '..') throw whiteoutError(name)
  return { kind: 'whiteout', path: `/${parent ? `${parent}/` : ''}${hidden}` }
}

function escapeError(name: string): EngineError {
  return new EngineError(
    'invalidArgument',
    'layer.path-escape',
    `layer entry ${JSON.stringify(name.slice(0, 200))} leads outside the layer`,
    {
      details: { entry: name.slice(0, 200) },
    },
  )
}

function whiteoutError(name: string): EngineError {
  return new EngineError(
    'invalidArgument',
    'layer.bad-whiteout',
    `layer entry ${JSON.stringify(name.slice(0, 200))} is a malformed whiteout`,
    {
      details: { entry: name.slice(0, 200) },
    },
  )
}
