import path from 'node:path'
import { build } from 'vite'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** Bundles an entry's source text into one file that plain Node runs. */
export async function bundleSource(source: string, file: string): Promise<string> {
  const id = '\0entry'
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        resolveId: (name) => (name === 'slipway-entry' ? id : undefined),
        load: (name) => (name === id ? source : undefined),
      },
    ],
    ssr: { noExternal: true, external: ['koffi'] },
    build: {
      ssr: true,
      target: 'node20',
      minify: false,
      emptyOutDir: false,
      outDir: path.dirname(file),
      rollupOptions: { input: 'slipway-entry', output: { format: 'es', entryFileNames: path.basename(file) } },
    },
  })
  return file
}

/** Bundles the unpack worker alone. The file lies below the repository so that it finds koffi. */
export function bundleWorker(folder: string): Promise<string> {
  const source = `import { runUnpackWorker } from ${JSON.stringify(path.join(ROOT, 'engine/keeper/unpack/unpack-worker.ts'))}; await runUnpackWorker()`
  return bundleSource(source, path.join(folder, 'worker.mjs'))
}
