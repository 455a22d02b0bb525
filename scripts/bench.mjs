// `npm run bench`: medians over many runs, side by side with dockerd and podman where Debian's packages are there.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { ensureBuild, ensureElectron, ensurePackages, ensureSystemTools, ROOT } from './lib/setup.mjs'

ensurePackages()
ensureSystemTools()
ensureBuild()
const electron = process.env.DISPLAY ? await ensureElectron() : ''
const { status } = spawnSync(
  process.execPath,
  [path.join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'bench', '--disable-console-intercept'],
  { cwd: ROOT, env: { ...process.env, SLIPWAY_ELECTRON: electron }, stdio: 'inherit' },
)
process.exit(status ?? 1)
