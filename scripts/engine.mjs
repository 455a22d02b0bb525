// `npm run --silent engine -- …`: the engine without a window. Set-up speaks on stderr alone.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { ensureBuild, ensurePackages, ensureSystemTools, ROOT } from './lib/setup.mjs'

ensurePackages()
ensureSystemTools()
ensureBuild()
const child = spawn(process.execPath, [path.join(ROOT, 'out/main/engine.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
