import { builtinModules } from 'node:module'
import { defineConfig } from 'vite'

// The keeper outlives the files it was started from, so it is one file; only the FFI library stays beside it.
export default defineConfig({
  build: {
    ssr: 'engine/keeper/main.ts',
    target: 'node20',
    outDir: 'out/keeper',
    emptyOutDir: true,
    rollupOptions: {
      external: ['koffi', ...builtinModules, ...builtinModules.map((name) => `node:${name}`)],
      output: { format: 'es', entryFileNames: 'keeper.mjs', codeSplitting: false },
    },
  },
  ssr: { noExternal: true, external: ['koffi'] },
})
