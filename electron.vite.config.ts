import react from '@vitejs/plugin-react'
import { defineConfig } from 'electron-vite'
import { etcdProtocol } from './scripts/lib/etcd-protocol.ts'

export default defineConfig({
  main: {
    plugins: [etcdProtocol()],
    build: {
      outDir: 'out/main',
      rollupOptions: {
        input: { main: 'electron/main.ts', engine: 'engine/main.ts' },
        external: ['electron', 'koffi'],
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
      externalizeDeps: false,
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rollupOptions: {
        input: { preload: 'electron/preload.ts' },
        external: ['electron'],
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'renderer',
    plugins: [react()],
    build: { outDir: 'out/renderer', rollupOptions: { input: 'renderer/index.html' } },
  },
})
