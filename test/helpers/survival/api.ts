import http from 'node:http'
import { busyboxArchive } from '../docker.ts'
import { waitUntil } from '../engine.ts'

const PATIENCE_MS = 30_000

/** An answer of the API; status 0 where the connection broke off. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** One call on a socket, its body JSON or a tar. It never throws. */
export function askApi(
  socketPath: string,
  ...[method, target, body]: readonly [string, string, (object | Buffer)?]
): Promise<Answer> {
  return new Promise((resolve) => {
    const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json'
    const headers = body ? { 'content-type': type } : {}
    const request = http.request({ socketPath, method, path: target, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => {})
      response.on('close', () =>
        resolve({ status: response.complete ? (response.statusCode ?? 0) : 0, body: Buffer.concat(chunks) }),
      )
    })
    request.setTimeout(PATIENCE_MS, () => request.destroy())
    request.on('error', () => resolve({ status: 0, body: Buffer.alloc(0) }))
    request.end(Buffer.isBuffer(body) ? body : body && JSON.stringify(body))
  })
}

/** Containers' own web server, which says `up` on a published port of the kernel's choice. */
export const WEB_SERVER = {
  Image: 'test/box:1',
  Cmd: ['sh', '-c', 'mkdir -p /www; echo up >/www/index.html; exec httpd -f -p 80 -h /www'],
  ExposedPorts: { '80/tcp': {} },
  HostConfig: {
    RestartPolicy: { Name: 'always' },
    PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
  },
}

/** What is needed to run them: `test/box:1`. */
export const loadBox = async (socket: string): Promise<Answer> => {
  const applets = ['sh', 'echo', 'sleep', 'mkdir', 'httpd', 'test']
  return askApi(socket, 'POST', '/images/load', await busyboxArchive(['test/box:1'], { applets }))
}

/** Runs the web server as container `web` and answers with its port once it serves. */
export async function runWebServer(socket: string): Promise<number> {
  await loadBox(socket)
  await askApi(socket, 'POST', '/containers/create?name=web', WEB_SERVER)
  await askApi(socket, 'POST', '/containers/web/start')
  const { body } = await askApi(socket, 'GET', '/containers/web/json')
  const { NetworkSettings } = JSON.parse(body.toString()) as {
    NetworkSettings: { Ports: Record<string, { HostPort: string }[]> }
  }
  const port = Number(NetworkSettings.Ports['80/tcp']?.[0]?.HostPort)
  const serves = () =>
    fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then(
      (answer) => answer.ok,
      () => false,
    )
  await waitUntil(serves, 'the web server')
  return port
}
