import { createHash } from 'node:crypto'
import os from 'node:os'
import path from 'node:path'
import { type ClusterConfig, type ClusterOptions, loadClusterConfig } from './cluster-config.ts'
import { EngineError } from './contract/errors.ts'
import { assertHost } from './contract/registry-address.ts'
import { type CertificatePlaces, certificatePlaces } from './lib/certificate-places.ts'

/** What an engine is started with. Frozen; nothing reads the environment after this. */
export interface EngineConfig {
  readonly mode: 'rootful' | 'rootless'
  /** Durable data. */
  readonly root: string
  /** Sockets, bundles and process state; gone after a reboot. */
  readonly runtimeDir: string
  readonly socket: string
  /** Where clients look by themselves: `$XDG_RUNTIME_DIR/docker.sock`; empty without such a folder. */
  readonly offeredSocket: string
  /** Offers the socket there whatever the setting says. */
  readonly offersSocket: boolean
  /** docker's own folder, and the name of the context that leads here. */
  readonly contextName: string
  /** `runc` or `crun`; empty takes what is there, runc first. */
  readonly ociRuntime: string
  /** The bundled keeper. */
  readonly keeperFile: string
  /** Where the AppImage that this runs from is mounted; `''` when it is not one. */
  readonly appMount: string
  readonly version: string
  /** Name of the default bridge: `slipway0`, or one of its own for a root that is not the default. */
  readonly bridge: string
  readonly logMaxBytes: number
  readonly logMaxFiles: number
  /** Folder of docker's `config.json`, for credentials. */
  readonly dockerConfigFolder: string
  /** Registries that may be spoken to without encryption, as `host[:port]`; this machine's own always may. */
  readonly insecureRegistries: readonly string[]
  readonly certificates: CertificatePlaces
  /** Where volume plugins have their sockets, and files that say where those are. */
  readonly pluginFolders: readonly string[]
  /** The store that overlay networks are shared through. */
  readonly cluster: ClusterConfig
}

/** Overrides from the command line or a test. */
export interface ConfigOptions {
  readonly root?: string | undefined
  readonly runtimeDir?: string | undefined
  readonly socket?: string | undefined
  readonly offersSocket?: boolean | undefined
  readonly cluster?: ClusterOptions
  readonly ociRuntime?: string | undefined
  readonly pluginFolders?: readonly string[] | undefined
  readonly keeperFile: string
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly execPath?: string
}

export const VERSION = '0.1.0'

/** Fills in the defaults: `/var/lib/slipway` and `/run/slipway` as root, the XDG folders otherwise. */
export function loadConfig(options: ConfigOptions): EngineConfig {
  const env = options.env ?? process.env
  const uid = options.uid ?? process.getuid?.() ?? 0
  const isRoot = uid === 0
  const home = env['HOME'] || os.homedir()
  const dockerConfigFolder = env['DOCKER_CONFIG'] || path.join(home, '.docker')
  const dataHome = env['XDG_DATA_HOME'] || path.join(home, '.local/share')
  const runtimeHome = env['XDG_RUNTIME_DIR'] || path.join(os.tmpdir(), `slipway-run-${uid}`)
  const defaultRoot = isRoot ? '/var/lib/slipway' : path.join(dataHome, 'slipway')
  const defaultRuntime = isRoot ? '/run/slipway' : path.join(runtimeHome, 'slipway')
  const root = path.resolve(options.root ?? defaultRoot)
  const rootHash = createHash('sha256').update(root).digest('hex').slice(0, 8)
  const isDefault = root === defaultRoot
  const runtimeDir = path.resolve(
    options.runtimeDir ?? (isDefault ? defaultRuntime : path.join(defaultRuntime, rootHash)),
  )
  return Object.freeze({
    mode: isRoot ? 'rootful' : 'rootless',
    root,
    runtimeDir,
    socket: path.resolve(options.socket ?? path.join(runtimeDir, 'docker.sock')),
    offeredSocket: env['XDG_RUNTIME_DIR'] ? path.join(env['XDG_RUNTIME_DIR'], 'docker.sock') : '',
    offersSocket: options.offersSocket ?? false,
    contextName: isDefault ? 'slipway' : `slipway-${rootHash}`,
    ociRuntime: readRuntimeName(options.ociRuntime ?? env['SLIPWAY_RUNTIME'] ?? ''),
    keeperFile: path.resolve(options.keeperFile),
    appMount: appMount(env, options.execPath ?? process.execPath),
    version: VERSION,
    bridge: isDefault ? 'slipway0' : `slw${rootHash}`,
    logMaxBytes: 10 * 1024 * 1024,
    logMaxFiles: 3,
    dockerConfigFolder,
    insecureRegistries: (env['SLIPWAY_INSECURE_REGISTRIES'] ?? '').split(',').filter(Boolean).map(assertHost),
    certificates: certificatePlaces(env, { isRoot, home, dockerConfigFolder }),
    pluginFolders: options.pluginFolders ?? pluginFolders(env, isRoot),
    cluster: loadClusterConfig({ file: path.join(root, 'cluster.json'), env, options: options.cluster ?? {} }),
  })
}

/** The AppImage's runtime says where it has mounted the app; what was started from within one is told so too. */
function appMount(env: NodeJS.ProcessEnv, execPath: string): string {
  const folder = env['APPDIR'] ?? ''
  return path.isAbsolute(folder) && execPath.startsWith(`${folder}/`) ? folder : ''
}

/** Docker's own folders; those of the user where that is no root. */
function pluginFolders(env: NodeJS.ProcessEnv, isRoot: boolean): string[] {
  if (isRoot) return ['/run/docker/plugins', '/etc/docker/plugins', '/usr/lib/docker/plugins']
  const configHome = env['XDG_CONFIG_HOME'] || path.join(env['HOME'] || os.homedir(), '.config')
  const sockets = env['XDG_RUNTIME_DIR'] ? [path.join(env['XDG_RUNTIME_DIR'], 'docker/plugins')] : []
  return [...sockets, path.join(configHome, 'docker/plugins')]
}

function readRuntimeName(name: string): string {
  if (['', 'runc', 'crun'].includes(name)) return name
  throw new EngineError(
    'invalidArgument',
    'config.runtime',
    `unknown runtime ${JSON.stringify(name)}; it is runc or crun`,
  )
}
