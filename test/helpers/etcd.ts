import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { waitUntil } from './engine.ts'

/** The emulated machine of `npm run guest` takes many times what others take. */
const START_MS = 60_000

/** Whether etcd is here. */
export const hasEtcd = spawnSync('etcd', ['--version']).status === 0

/** An etcd with a folder of its own; stopped and started again it has its data. */
export interface Etcd {
  start(): Promise<void>
  /** As a machine does that loses its power. */
  stop(): Promise<void>
}

/** An etcd to be started, at two addresses; `enter` is argv in front of it. */
export function createEtcd({
  folder,
  client,
  peer,
  enter = [],
}: {
  readonly folder: string
  readonly client: string
  readonly peer: string
  readonly enter?: readonly string[]
}): Etcd {
  let etcd: ChildProcess | undefined
  return {
    async start() {
      const [command = '', ...args] = [
        ...enter,
        'etcd',
        ...['--data-dir', folder, '--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ]
      const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      let text = ''
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (chunk) => {
          text += chunk
        })
      etcd = started
      started.on('error', (error) => {
        text += String(error)
      })
      const isServing = () => {
        if (started.pid === undefined || started.exitCode !== null || started.signalCode !== null)
          throw new Error(`etcd ended before it served:\n${text.slice(-3000)}`)
        return /serving (insecure )?client requests/.test(text)
      }
      await waitUntil(isServing, 'etcd', START_MS)
    },
    async stop() {
      if (!etcd || etcd.exitCode !== null || etcd.signalCode !== null) return
      etcd.kill('SIGKILL')
      await once(etcd, 'exit')
    },
  }
}

/** Two ports of loopback that nobody has at the moment, as addresses for `createEtcd`. */
export async function loopbackAddresses(): Promise<{ client: string; peer: string }> {
  const servers = [net.createServer(), net.createServer()]
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening')
  const [client = '', peer = ''] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return { client, peer }
}
