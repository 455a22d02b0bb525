import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { busyboxArchive, dockerOn, hasDocker } from '../helpers/docker.ts'
import { startEngine, type TestEngine, waitUntil } from '../helpers/engine.ts'

const APPLETS = ['sh', 'cat', 'sleep', 'df', 'httpd', 'echo', 'wget']
const WEB = { Cmd: ['sh', '-c', 'mkdir /www; echo It works! > /www/index.html; exec httpd -f -p 80 -h /www'] }

/** The commands with which an introduction to Docker begins, as they are printed there. */
describe.skipIf(!hasDocker)('the first commands of a newcomer to docker', () => {
  let engine: TestEngine
  let docker: ReturnType<typeof dockerOn>
  const ok = async (line: string): Promise<string> => {
    const outcome = await docker(line.split(' ').slice(1))
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    return outcome.stdout
  }

  beforeAll(async () => {
    engine = await startEngine()
    await engine.engine.listen()
    docker = dockerOn(engine.config.socket)
    for (const [tag, config] of [
      ['httpd', WEB],
      ['mysql', { Cmd: ['sleep', '1000'], Env: ['MYSQL_VERSION=8'], ExposedPorts: { '3306/tcp': {} } }],
    ] as const) {
      const archive = path.join(engine.config.root, `${tag}.tar`)
      writeFileSync(archive, await busyboxArchive([`${tag}:latest`], { applets: APPLETS, config }))
      await ok(`docker load --quiet --input ${archive}`)
    }
  })
  afterAll(() => engine?.destroy())

  test('docker run -d -p 8080:80 publishes a web server', async () => {
    const port = await freePort()
    await ok(`docker run -d -p ${port}:80 --name web_svr01 httpd`)
    let body = ''
    await waitUntil(async () => {
      body = await fetch(`http://127.0.0.1:${port}/`).then(
        (response) => response.text(),
        () => '',
      )
      return body !== ''
    }, 'an answer of the web server')
    expect(body).toBe('It works!\n')
  })

  test('docker ps -a shows it as Docker would', async () => {
    const [head, row] = (await ok('docker ps -a')).split('\n')
    expect(head?.trim().split(/\s{2,}/)).toEqual([
      'CONTAINER ID',
      'IMAGE',
      'COMMAND',
      'CREATED',
      'STATUS',
      'PORTS',
      'NAMES',
    ])
    expect(row).toMatch(
      /^[0-9a-f]{12}\s+httpd\s+"sh -c 'mkdir .*…"\s+.* ago\s+Up .*0\.0\.0\.0:\d+->80\/tcp.*\s+web_svr01$/,
    )
  })

  test('docker run --link writes the linked container into /etc/hosts, which is a mount of its own', async () => {
    await ok('docker run -d --name mysql mysql')
    const id = (await ok('docker inspect -f {{.Id}} mysql')).trim().slice(0, 12)
    const address = (await ok('docker inspect -f {{.NetworkSettings.IPAddress}} mysql')).trim()
    await ok('docker run -d --name web02 --link mysql httpd')
    const hosts = (await ok('docker exec -t web02 cat /etc/hosts')).replaceAll('\r', '')
    expect(hosts).toContain(`${address}\tmysql ${id}\n`)
    expect(await ok('docker exec -t web02 df -h')).toMatch(/\s\/etc\/hosts\s*$/m)
    const outcome = await docker(['inspect', '-f', '{{ .HostsPath }}', 'web02'])
    expect(readFileSync(outcome.stdout.trim(), 'utf8')).toBe(hosts)
  })
})

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
