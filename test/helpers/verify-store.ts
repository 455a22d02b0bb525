import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createLayout } from '../../engine/store/layout.ts'
import type { ContainerRecord, ImageRecord } from '../../engine/store/schema.ts'

/** What is wrong with an image store on disk: parts that a record names and that are missing or not what they are named. */
export async function findDamage(root: string): Promise<string[]> {
  const layout = createLayout(root, root)
  const wrong: string[] = []
  const references = new Map<string, string>()
  const sums = new Map<string, string>()
  const check = async (digest: string, owner: string) => {
    const file = layout.blob(digest)
    if (!existsSync(file)) return void wrong.push(`${owner} names the blob ${digest}, which is missing`)
    const actual = sums.get(digest) ?? (await digestOfFile(file))
    sums.set(digest, actual)
    if (actual !== digest) wrong.push(`the blob ${digest} of ${owner} has the digest ${actual}`)
  }
  for (const image of readRecords<ImageRecord>(layout.images)) {
    await check(image.id, image.id)
    if (image.manifest) await check(image.manifest.digest, image.id)
    for (const layer of image.layers) {
      await check(layer.digest, image.id)
      if (!existsSync(layout.layer(layer.chainId)))
        wrong.push(`${image.id} names the layer ${layer.chainId}, which is missing`)
    }
    for (const reference of image.references) {
      if (references.has(reference)) wrong.push(`${reference} names two images`)
      references.set(reference, image.id)
    }
  }
  for (const id of existsSync(layout.containers) ? readdirSync(layout.containers) : []) {
    const file = layout.containerFile(id, 'record.json')
    if (!existsSync(file)) continue
    const { chainIds } = JSON.parse(readFileSync(file, 'utf8')) as ContainerRecord
    for (const chainId of chainIds) {
      if (!existsSync(layout.layer(chainId))) wrong.push(`the container ${id} stands on ${chainId}, which is missing`)
    }
  }
  return wrong
}

/** What lies in the store and no record names: unpacked layers, blobs, temporary files. */
export function findGarbage(root: string): string[] {
  const layout = createLayout(root, root)
  const named = new Set<string>()
  for (const image of readRecords<ImageRecord>(layout.images)) {
    named.add(layout.blob(image.id))
    if (image.manifest) named.add(layout.blob(image.manifest.digest))
    for (const layer of image.layers) named.add(layout.blob(layer.digest)).add(layout.layer(layer.chainId))
  }
  const lying = [layout.blobs, layout.layers, layout.temporary].flatMap((folder) =>
    readdirSync(folder).map((name) => path.join(folder, name)),
  )
  return lying.filter((file) => !named.has(file))
}

function readRecords<T>(folder: string): T[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T)
}

async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
