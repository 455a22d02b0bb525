import { readdirSync } from 'node:fs'
import path from 'node:path'
import type { Layout } from '../../engine/store/layout.ts'

/** Every file of the image store that lies there now, by name: blobs, layers, records, temporary files. */
export function listStore(layout: Pick<Layout, 'blobs' | 'layers' | 'images' | 'temporary'>): string[] {
  return [layout.blobs, layout.layers, layout.images, layout.temporary].flatMap((folder) =>
    readdirSync(folder).map((name) => path.join(path.basename(folder), name)),
  )
}
