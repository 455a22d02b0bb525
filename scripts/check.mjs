// `npm run check`: types, lint and format, dead code, unit tests. Every step runs; one that fails makes the whole fail.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { ensurePackages, ROOT } from './lib/setup.mjs'

ensurePackages()
const bin = (name) => path.join(ROOT, 'node_modules/.bin', name)
const steps = [
  ['types', bin('tsc'), ['--noEmit']],
  ['lint and format', bin('biome'), ['check', '--max-diagnostics=30']],
  ['dead code', bin('knip'), ['--no-progress']],
  ['unit tests', bin('vitest'), ['run', '--project', 'unit', '--reporter=dot']],
]
let hasFailed = false
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' })
  process.stdout.write(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'}\n`)
  hasFailed ||= status !== 0
}
process.exit(hasFailed ? 1 : 0)
