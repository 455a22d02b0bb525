import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { createRegistry, type Registry, type RegistryOptions } from '../../engine/registry/registry.ts'
import { buildConfig, digest } from '../fixtures/archives.ts'
import { waitUntil } from './engine.ts'

/** Whether Debian's registry and skopeo are here. */
export const hasRegistry =
  spawnSync('docker-registry', ['--version']).status === 0 && spawnSync('skopeo', ['--version']).status === 0

/** The user that a registry with `auth` knows, and the hash of the password (bcrypt). */
export const LOGIN = { username: 'sailor', password: 'hunter2' }
const HASH = '$2b$04$oMOa6UBjvOu1nNOM1Bt98.AGxT7/g6xsp8s5LXw3Lh9b9zs/s0w8S'

export interface TestRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string
  readonly port: number
  stop(): Promise<void>
}

/** A real registry on loopback with storage of its own. */
export async function startRegistry(
  options: {
    readonly auth?: boolean
    readonly tls?: { readonly certificate: string; readonly key: string; readonly clientcas?: readonly string[] }
  } = {},
): Promise<TestRegistry> {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slreg-'))
  const port = await freePort()
  writeFileSync(path.join(base, 'users'), `${LOGIN.username}:${HASH}\n`)
  const auth = options.auth ? { auth: { htpasswd: { realm: 'harbour', path: path.join(base, 'users') } } } : {}
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path.join(base, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: 'a test', ...(options.tls ? { tls: options.tls } : {}) },
    ...auth,
  }
  writeFileSync(path.join(base, 'config.yml'), JSON.stringify(config))
  const child = spawn('docker-registry', ['serve', path.join(base, 'config.yml')], { stdio: 'ignore' })
  await waitUntil(() => (options.tls ? listens(port) : answers(port)), 'the registry')
  return {
    host: `127.0.0.1:${port}`,
    port,
    async stop() {
      await end(child)
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** The engine's side of registries by itself: it keeps its settings in a folder, knows no login and is quick to retry. */
export const createClient = (folder: string, more: Partial<RegistryOptions> = {}): Registry =>
  createRegistry({
    configFolder: folder,
    settingsFile: path.join(folder, 'registries.json'),
    insecure: [],
    certificates: { bundles: [], folders: [], registryFolders: [folder] },
    firstWaitMs: 1,
    runHelper: async () => ({ exitCode: 1, stdout: '' }),
    ...more,
  })

/** Puts an image of these layers into a registry as `PATH:1`. */
export async function fillRegistry(registry: Registry, host: string, path: string, layers: readonly Buffer[]) {
  const { signal } = new AbortController()
  const config = buildConfig(layers)
  const repository = await registry.open({ host, path }, { access: 'pull,push' })
  const sized = (bytes: Buffer) => ({ digest: digest(bytes), size: bytes.length })
  for (const bytes of [config, ...layers]) {
    const wanted = { ...sized(bytes), source: { bytes }, mountFrom: [], signal, onProgress: () => undefined }
    await repository.upload(wanted)
  }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const layerType = 'application/vnd.oci.image.layer.v1.tar'
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...sized(config) },
    layers: layers.map((layer) => ({ mediaType: layerType, ...sized(layer) })),
  }
  await repository.putManifest({ tag: '1', bytes: Buffer.from(JSON.stringify(manifest)), mediaType, signal })
}

/** What a fault does to a request: `true` when it has answered itself. */
export type Fault = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  upstream: () => Promise<http.IncomingMessage>,
) => Promise<boolean> | boolean

/** A proxy before a registry that passes requests on, unless its fault does something else with them. */
export interface FaultyProxy {
  readonly host: string
  /** `METHOD path` of every request, in order. */
  readonly requests: string[]
  fault: Fault
  stop(): Promise<void>
}

export async function startFaultyProxy(registry: { readonly port: number }): Promise<FaultyProxy> {
  const requests: string[] = []
  const server = http.createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const upstream = () =>
      new Promise<http.IncomingMessage>((resolve, reject) => {
        const { url = '/', method = 'GET', headers } = request
        const onward = http.request({ host: '127.0.0.1', port: registry.port, path: url, method, headers }, resolve)
        onward.on('error', reject)
        request.pipe(onward)
      })
    try {
      if (await proxy.fault(request, response, upstream)) return
      const answer = await upstream()
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    } catch {
      response.destroy()
    }
  })
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port))
  })
  const proxy: FaultyProxy = {
    host: `127.0.0.1:${port}`,
    requests,
    fault: () => false,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return proxy
}

/** A port of this machine that nothing listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/v2/`, { headers: { connection: 'close' } }).then(
    () => true,
    () => false,
  )

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })

const end = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill()
  })
