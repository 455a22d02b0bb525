// `npm start`: from a fresh clone to a window; with no display, to a headless engine and a line that says so.
import { spawn } from 'node:child_process'
import {
  ensureBuild,
  ensureDesktopLibraries,
  ensureElectron,
  ensurePackages,
  ensureSystemTools,
  ROOT,
} from './lib/setup.mjs'

ensurePackages()
ensureSystemTools()
ensureBuild()
if (process.env.DISPLAY || process.env.WAYLAND_DISPLAY) {
  const electron = await ensureElectron()
  ensureDesktopLibraries(electron)
  const isRoot = process.getuid() === 0
  if (isRoot)
    process.stderr.write('slipway: as root the window runs without its sandbox; start it as an ordinary user\n')
  // As the desktop entry does, for an Electron before 38.
  const options = ['--ozone-platform-hint=auto', ...(isRoot ? ['--no-sandbox'] : [])]
  const child = spawn(electron, [ROOT, ...options, ...process.argv.slice(2)], { stdio: 'inherit' })
  child.on('exit', (code) => process.exit(code ?? 1))
} else {
  process.stderr.write('slipway: there is no display, so the engine runs without a window\n')
  await import('./engine.mjs')
}
