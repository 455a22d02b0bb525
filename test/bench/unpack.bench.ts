/** Prints seconds for unpacking `l0…l9.tar[.gz]` of a folder; run through vite-node or bundled. */
import { mkdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { createImageHost } from '../../engine/keeper/unpack/image-calls.ts'

const [folder = '', worker = '', suffix = '.tar', blobs = ''] = process.argv.slice(2)
const host = createImageHost({
  entry: { command: process.execPath, args: [worker], env: process.env },
  mode: 'rootful',
})
const out = path.join(folder, 'out')
mkdirSync(path.join(out, 'blobs'), { recursive: true })
const started = performance.now()
let next = 0
const lane = async () => {
  for (let index = next++; index < 10; index = next++) {
    const file = path.join(folder, `l${index}${suffix}`)
    await host.unpackLayer({
      source: { path: file, offset: 0, length: statSync(file).size },
      destination: path.join(out, `layer${index}`),
      digest: '',
      diffId: '',
      blobFolder: blobs ? path.join(out, 'blobs') : '',
    })
  }
}
await Promise.all([lane(), lane()])
console.log(`${suffix} blobs=${blobs !== ''}: ${((performance.now() - started) / 1000).toFixed(2)} s`)
rmSync(out, { recursive: true, force: true })
