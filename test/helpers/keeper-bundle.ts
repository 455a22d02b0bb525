import fs from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'

/** Bundles an entry that serves as the relay worker into `folder`; koffi is found from the repository. Answers with the file. */
export async function bundleRelayEntry(folder: string): Promise<string> {
  const source = join(folder, 'relay-entry.ts')
  const relay = resolve('engine/keeper/containers/shim/relay-worker.ts')
  fs.writeFileSync(source, `import { runAttachRelay } from ${JSON.stringify(relay)}\nrunAttachRelay()\n`)
  fs.symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  await build({
    configFile: false,
    logLevel: 'error',
    root: folder,
    build: {
      ssr: source,
      outDir: join(folder, 'bundle'),
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: 'relay.mjs' } },
    },
    ssr: { external: ['koffi'] },
  })
  return join(folder, 'bundle/relay.mjs')
}
