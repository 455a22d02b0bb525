import { EngineError } from '../../contract/errors.ts'
import type { LayerEntry, LayerFolder } from '../../contract/image.ts'
import type { PathChange } from '../../runtime/container-files.ts'
import type { ServiceContext } from '../context.ts'
import { findImage, holdImage } from './find.ts'

const KEPT_LAYERS = 8

/** A folder of what a layer has done, with all that is below it added up. */
interface Node {
  kind: LayerEntry['kind'] | null
  isFolder: boolean
  sizeBytes: number
  changes: number
  readonly children: Map<string, Node>
}

/** Answers what is in one folder of what a layer has added, changed and removed. Read from the store: no container is needed. */
export function createLayerFiles(context: ServiceContext) {
  // Layers never change, so the last few that were looked at are kept.
  const trees = new Map<string, Promise<Node>>()
  const treeOf = (chainIds: readonly string[]): Promise<Node> => {
    const key = chainIds.at(-1) ?? ''
    const known = trees.get(key) ?? readTree(context, chainIds)
    trees.delete(key)
    trees.set(key, known)
    known.catch(() => trees.delete(key))
    const [oldest] = trees.keys()
    if (trees.size > KEPT_LAYERS && oldest !== undefined) trees.delete(oldest)
    return known
  }
  return async (input: {
    readonly id: string
    readonly layer: number
    readonly path: string
  }): Promise<LayerFolder> => {
    const lease = context.image.content.open()
    try {
      const record = findImage(context.images, input.id)
      holdImage(lease, record)
      const chainIds = record.layers.slice(0, input.layer + 1).map(({ chainId }) => chainId)
      if (chainIds.length !== input.layer + 1) {
        throw new EngineError('notFound', 'layer.not-found', `the image has ${record.layers.length} layers`)
      }
      return describeFolder(await treeOf(chainIds), input.path)
    } finally {
      await lease.release()
    }
  }
}

async function readTree({ files, layout }: ServiceContext, chainIds: readonly string[]): Promise<Node> {
  const [upper = '', ...lower] = [...chainIds].reverse().map(layout.layer)
  return buildTree(await files.compare(upper, lower))
}

/** Changes as a tree; sizes and counts of a folder are those of all below it, a file of several names once. */
export function buildTree(changes: readonly PathChange[]): Node {
  const root = newNode()
  const links = new Set<string>()
  for (const { path, kind, sizeBytes, linkId, isFolder } of changes) {
    let node = root
    const addedBytes = links.has(linkId) ? 0 : sizeBytes
    if (linkId) links.add(linkId)
    for (const part of path.split('/').filter(Boolean)) {
      node.sizeBytes += addedBytes
      node.changes += 1
      node.isFolder = true
      const child = node.children.get(part) ?? newNode()
      node.children.set(part, child)
      node = child
    }
    node.kind = kind
    node.isFolder ||= isFolder
    node.sizeBytes += sizeBytes
  }
  return root
}

const newNode = (): Node => ({ kind: null, isFolder: false, sizeBytes: 0, changes: 0, children: new Map() })

/** One folder of a tree: folders first, then by name. */
export function describeFolder(root: Node, path: string): LayerFolder {
  let node: Node | undefined = root
  for (const part of path.split('/').filter(Boolean)) node = node?.children.get(part)
  if (!node) throw new EngineError('notFound', 'path.not-found', `the layer has changed nothing at ${path}`)
  const entries = [...node.children].map(
    ([name, child]): LayerEntry => ({
      name,
      // A folder that is only on the way to changes.
      kind: child.kind ?? 'changed',
      isFolder: child.isFolder,
      sizeBytes: child.sizeBytes,
      changes: child.changes,
    }),
  )
  entries.sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name))
  return { entries, sizeBytes: node.sizeBytes, changes: node.changes }
}
