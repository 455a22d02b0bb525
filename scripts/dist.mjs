// `npm run dist`: packages in dist/. With the official Electron and its packaging tools within reach: deb, rpm and
// AppImage for x64 and arm64. Otherwise the unpacked app from the Electron that is here, and a .deb made from that.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ensureBuild, ensureDistTools, ensureElectron, ensurePackages, ROOT } from './lib/setup.mjs'

const say = (text) => process.stderr.write(`slipway: ${text}\n`)
const { values } = parseArgs({
  options: {
    /** Version of the packages, when it is not that of package.json. */
    version: { type: 'string' },
    output: { type: 'string', default: path.join(ROOT, 'dist') },
  },
})

ensurePackages()
ensureDistTools()
ensureBuild()
const electron = await ensureElectron()
const output = path.resolve(values.output)
const isOfficial = electron.startsWith(path.join(ROOT, 'node_modules'))
const { default: yaml } = await import('yaml')
const config = yaml.parse(readFileSync(path.join(ROOT, 'electron-builder.yml'), 'utf8'))
const version = values.version ?? JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version

if (isOfficial) fetchOtherKoffi()
if (isOfficial && build(['--x64', '--arm64'])) say(`packages are in ${output}`)
else await packLocally()

/** npm installs the native part of koffi for this machine alone; the packages for the other kind need theirs. */
function fetchOtherKoffi() {
  mkdirSync(output, { recursive: true })
  const modules = path.join(ROOT, 'node_modules')
  const { version } = JSON.parse(readFileSync(path.join(modules, 'koffi/package.json'), 'utf8'))
  for (const arch of ['x64', 'arm64']) {
    const folder = path.join(modules, `@koromix/koffi-linux-${arch}`)
    if (existsSync(folder)) continue
    const pack = `@koromix/koffi-linux-${arch}@${version}`
    const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', output, pack]))
    mkdirSync(folder, { recursive: true })
    execFileSync('tar', ['-xzf', path.join(output, filename), '--strip-components=1', '-C', folder])
    rmSync(path.join(output, filename))
  }
}

function build(argv) {
  const common = [`-c.directories.output=${output}`, `-c.extraMetadata.version=${version}`, '--publish=never']
  const builder = path.join(ROOT, 'node_modules/.bin/electron-builder')
  return spawnSync(builder, ['--linux', ...argv, ...common], { cwd: ROOT, stdio: ['ignore', 2, 2] }).status === 0
}

/** The unpacked app from the Electron that is here, and a .deb from it. */
async function packLocally() {
  if (!isOfficial) {
    say('!!! The official Electron is out of reach: these packages carry the stand-in for development and tests.')
    say('!!! Do not give them to anybody.')
  }
  const bare = bareElectron()
  if (!build(['dir', `-c.electronDist=${bare.folder}`, `-c.electronVersion=${bare.version}`]))
    throw new Error('electron-builder did not make the unpacked app; its words are above')
  rmSync(path.dirname(bare.folder), { recursive: true, force: true })
  // Tells electron-updater which kind of package is to be replaced.
  writeFileSync(path.join(output, 'linux-unpacked/resources/package-type'), 'deb')
  const { default: makeDeb } = await import('electron-installer-debian')
  const arch = execFileSync('dpkg', ['--print-architecture']).toString().trim()
  await makeDeb({
    src: path.join(output, 'linux-unpacked'),
    dest: output,
    options: { arch, version, ...debOptions() },
    logger: () => {},
  })
  say(`the app is in ${path.join(output, 'linux-unpacked')}, its package is slipway_${version}_${arch}.deb`)
}

/** What the package says of itself: the same lists as electron-builder's, in the other tool's words. */
function debOptions() {
  const icons = [16, 32, 48, 64, 128, 256, 512].map((size) => `${size}x${size}`)
  return {
    name: 'slipway',
    productName: config.productName,
    bin: config.linux.executableName,
    description: config.linux.synopsis,
    productDescription: JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).description,
    maintainer: config.linux.maintainer,
    section: 'admin',
    depends: config.deb.depends,
    recommends: config.deb.recommends,
    categories: [config.linux.category],
    mimeType: config.linux.mimeTypes,
    desktopTemplate: path.join(ROOT, 'assets/slipway.desktop.ejs'),
    icon: Object.fromEntries(icons.map((size) => [size, path.join(ROOT, `assets/icons/${size}.png`)])),
    scripts: { postinst: path.join(ROOT, 'assets/deb/postinst'), postrm: path.join(ROOT, 'assets/deb/postrm') },
    compression: 'zstd',
  }
}

/** A copy of the Electron that is here as its own distribution would lie: no app inside, the binary by its usual name. */
function bareElectron() {
  const from = path.dirname(electron)
  const folder = path.join(ROOT, '.cache/dist/electron')
  rmSync(path.dirname(folder), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(from, folder, { recursive: true })
  // The snapshot is read only with a fuse that we turn off.
  for (const name of ['ready', 'resources/app', 'resources/default_app.asar', 'browser_v8_context_snapshot.bin'])
    rmSync(path.join(folder, name), { recursive: true, force: true })
  if (!existsSync(path.join(folder, 'electron')))
    renameSync(path.join(folder, path.basename(electron)), path.join(folder, 'electron'))
  const asNode = { ...process.env, ELECTRON_RUN_AS_NODE: '1' }
  const found = execFileSync(path.join(folder, 'electron'), ['-p', 'process.versions.electron'], { env: asNode })
  const electronVersion = found.toString().trim()
  writeFileSync(path.join(folder, 'version'), electronVersion)
  return { folder, version: electronVersion }
}
