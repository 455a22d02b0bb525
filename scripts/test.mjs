// `npm test`: the same set-up as `npm start`, then every suite. The last line counts the tests.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  ensureBuild,
  ensureDesktopLibraries,
  ensureElectron,
  ensurePackages,
  ensureSystemTools,
  ensureTestTools,
  ROOT,
} from './lib/setup.mjs'
import { Tally } from './lib/tally.mjs'

const USER = 'slipway-test'
const tally = new Tally()
/** What the suites read beside the packages and Electron. */
const COPIED = [
  ...['engine', 'renderer', 'test', 'docs', 'out', 'assets', 'scripts'],
  ...['package.json', 'tsconfig.json', 'vitest.config.ts', 'electron-builder.yml'],
]

ensurePackages()
ensureSystemTools()
ensureTestTools()
ensureBuild()
runSuite('unit', { cwd: ROOT })
runSuite('integration', { cwd: ROOT })
runSuite('rest', { cwd: ROOT })
const electron = await ensureElectron()
ensureDesktopLibraries(electron)
const display = await startDisplay()
try {
  const window = { DISPLAY: display.name, SLIPWAY_ELECTRON: electron }
  runSuite('e2e', { cwd: ROOT, env: { ...process.env, ...window } })
  if (process.getuid() === 0) {
    runRootless(window)
    runSuite('package', { cwd: ROOT, env: { ...process.env, ...window } })
  }
} finally {
  display.stop()
}
process.stdout.write(tally.text())
process.exit(tally.good ? 0 : 1)

function runSuite(
  project,
  {
    cwd,
    prefix = [],
    env = process.env,
    report = path.join(mkdtempSync(path.join(os.tmpdir(), 'slipway-report-')), 'report.json'),
  },
) {
  const argv = [
    ...prefix,
    process.execPath,
    path.join(cwd, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
  ]
  const { status } = spawnSync(argv[0], argv.slice(1), { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  tally.add(project, status, existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined)
  rmSync(path.dirname(report), { recursive: true, force: true })
}

/** An X server on the first free number; it says which. */
function startDisplay() {
  const argv = ['-displayfd', '3', '-screen', '0', '1920x1200x24', '-nolisten', 'tcp']
  const server = spawn('Xvfb', argv, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.on('exit', (code) => reject(new Error(`Xvfb ended with code ${code}`)))
    server.stdio[3].once('data', (number) => resolve({ name: `:${String(number).trim()}`, stop: () => server.kill() }))
  })
}

/** The suites on the real kernel once more as an ordinary user, from a copy that the user can read. */
function runRootless(window) {
  if (existsSync('/dev/net/tun')) chmodSync('/dev/net/tun', 0o666)
  try {
    execFileSync('id', [USER], { stdio: 'ignore' })
  } catch {
    execFileSync('useradd', ['--create-home', USER])
  }
  const base = mkdtempSync('/tmp/slr-')
  const copy = path.join(base, 'copy')
  try {
    for (const name of COPIED) cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true })
    execFileSync('cp', ['-a', path.join(ROOT, 'node_modules'), path.dirname(window.SLIPWAY_ELECTRON), copy])
    execFileSync('mkdir', ['-p', path.join(base, 'run'), path.join(base, 'tmp')])
    execFileSync('chown', ['-R', `${USER}:`, base])
    const uid = execFileSync('id', ['-u', USER]).toString().trim()
    const gid = execFileSync('id', ['-g', USER]).toString().trim()
    const asUser = {
      cwd: copy,
      prefix: ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--inh-caps=-all'],
      env: {
        PATH: process.env.PATH,
        HOME: `/home/${USER}`,
        USER,
        XDG_RUNTIME_DIR: path.join(base, 'run'),
        TMPDIR: path.join(base, 'tmp'),
        CI: process.env.CI ?? '',
        DISPLAY: window.DISPLAY,
        SLIPWAY_ELECTRON: path.join(
          copy,
          path.basename(path.dirname(window.SLIPWAY_ELECTRON)),
          path.basename(window.SLIPWAY_ELECTRON),
        ),
      },
    }
    for (const project of ['integration', 'rest', 'e2e']) {
      execFileSync('install', ['-d', '-o', USER, path.join(base, project)])
      runSuite(project, { ...asUser, report: path.join(base, project, 'report.json') })
    }
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}
