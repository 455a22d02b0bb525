import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { waitUntil } from './engine.ts'

/** Whether the real registry is here. */
export const hasRegistry = spawnSync('docker-registry', ['--version']).status === 0
/** The user of a registry that wants a login. */
export const REGISTRY_USER = { username: 'ann', password: 'secret-word' }
const HTPASSWD = 'ann:$2y$04$Ii4vDkantOcoRpH8lbLAKOOh9fOZd6ZXrXNchL10HQKcc3ossK/v.\n'

/** The real registry (docker-distribution), on loopback, with storage of its own. */
export interface TestRegistry {
  /** `localhost:port` */
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Starts a registry; with `auth` it wants basic auth, with `tls` it speaks TLS with this certificate. */
export async function startRegistry(
  options: { readonly auth?: boolean; readonly tls?: { readonly certificate: string; readonly key: string } } = {},
): Promise<TestRegistry> {
  const folder = mkdtempSync(path.join(process.env['SLIPWAY_TEST_FOLDER'] ?? os.tmpdir(), 'slw-registry-'))
  const port = await freePort()
  mkdirSync(path.join(folder, 'data'))
  writeFileSync(path.join(folder, 'htpasswd'), HTPASSWD)
  const config = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: path.join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, ...(options.tls ? { tls: options.tls } : {}) },
    ...(options.auth ? { auth: { htpasswd: { realm: 'test', path: path.join(folder, 'htpasswd') } } } : {}),
  }
  // JSON is YAML.
  writeFileSync(path.join(folder, 'config.yml'), JSON.stringify(config))
  const child = spawn('docker-registry', ['serve', path.join(folder, 'config.yml')], { stdio: 'ignore' })
  await waitUntil(() => isOpen(port, child), 'the registry')
  return {
    host: `localhost:${port}`,
    port,
    async close() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A port of loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function isOpen(port: number, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`docker-registry ended with ${child.exitCode}`)
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
