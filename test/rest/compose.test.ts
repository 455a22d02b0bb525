import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasProgram, runClient } from '../helpers/client-process.ts'
import { busyboxArchive, hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const hasCompose = hasDocker && hasProgram('docker-compose', ['version'])
if (!hasCompose) process.stderr.write('compose skipped: there is no docker-compose or docker command\n')

const FILE = (greeting: string) => `
version: '3.8'
services:
  store:
    image: test/web:1
    command: httpd -f -p 80 -h /www
    volumes:
      - goods:/www
    networks:
      back:
        aliases: [warehouse]
        ipv4_address: 10.215.4.40
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1/ready']
      interval: 0.2s
      timeout: 5s
      retries: 50
  filler:
    image: test/web:1
    command: sh -c 'echo "${greeting}" > /goods/index.html && touch /goods/ready && echo filled'
    volumes:
      - goods:/goods
    networks: [back]
  front:
    image: test/web:1
    depends_on:
      store:
        condition: service_healthy
    environment:
      GREETING: ${greeting}
    command: sh -c 'mkdir /www; wget -q -O /www/index.html http://warehouse/; echo serving; exec httpd -f -p 80 -h /www'
    ports: ['127.0.0.1::80']
    networks: [front, back]
    volumes:
      - /scratch
      - ./settings:/settings:ro
  worker:
    image: test/web:1
    command: sleep 600
    init: true
    networks: [front]
    volumes: ['cache:/cache']
networks:
  front: {}
  back:
    ipam:
      config: [{subnet: 10.215.4.0/24}]
volumes:
  goods: {}
  cache:
    driver_opts: {type: tmpfs, device: tmpfs, o: size=16m}
`

/** A network of one project at a time: the tests of this file follow each other. */
describe.skipIf(!hasCompose)('docker-compose 1.29 against our socket', () => {
  let docker: DockerTest
  let folder: string
  const compose = (...args: string[]) =>
    runClient(['docker-compose', '--ansi', 'never', '--project-name', 'quay', ...args], {
      socket: docker.engine.config.socket,
      cwd: folder,
    })
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await compose(...args)
    expect({ code, stderr: code === 0 ? '' : stderr }, args.join(' ')).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const names = async () => (await docker.ok('ps', '--format', '{{.Names}}')).trim().split('\n').toSorted()

  beforeAll(async () => {
    docker = await startDocker()
    folder = path.join(docker.engine.config.root, 'project')
    mkdirSync(path.join(folder, 'settings'), { recursive: true })
    writeFileSync(path.join(folder, 'settings/one'), 'set\n')
    writeFileSync(path.join(folder, 'docker-compose.yml'), FILE('hello'))
    const archive = path.join(folder, 'web.tar')
    const applets = 'sh cat echo sleep true touch mkdir wget httpd hostname env ls'.split(' ')
    writeFileSync(archive, await busyboxArchive(['test/web:1'], { applets }))
    await docker.ok('load', '--quiet', '--input', archive)
  })
  afterAll(() => docker?.engine.destroy())

  test('up -d brings services up in the order of their health', async () => {
    await ok('up', '-d')
    expect(await names()).toEqual(['quay_front_1', 'quay_store_1', 'quay_worker_1'])
    expect(await ok('exec', '-T', 'front', 'cat', '/www/index.html')).toBe('hello\n')
    expect(await ok('exec', '-T', 'front', 'cat', '/settings/one')).toBe('set\n')
    expect(await ok('exec', '-T', 'worker', 'cat', '/proc/mounts')).toMatch(/^\S+ \/cache tmpfs \S*\bsize=16384k\b/m)
    const address = (await ok('port', 'front', '80')).trim()
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`http://${address}/`)).text()).toBe('hello\n')
  })

  test('ps, images and logs tell of every service', async () => {
    const rows = await ok('ps', '-a')
    expect(rows).toMatch(/quay_store_1 .*Up \(healthy\)/)
    expect(rows).toMatch(/quay_filler_1 .*Exit 0/)
    expect(rows).toMatch(/quay_front_1 .*127\.0\.0\.1:\d+->80\/tcp/)
    expect(await ok('images')).toMatch(/quay_worker_1\s+test\/web\s+1/)
    const logs = await ok('logs')
    expect(logs).toMatch(/filler_1\s+\| filled/)
    expect(logs).toMatch(/front_1\s+\| serving/)
    expect(await ok('logs', '--tail', '1', '--timestamps', 'filler')).toMatch(
      /filler_1\s+\| \d{4}-\d\d-\d\dT\S+Z filled/,
    )
  })

  test('networks know services by their names, aliases and fixed addresses', async () => {
    const format = '{{.IPAddress}} {{.Aliases}}'
    const inspected = await docker.ok(
      'inspect',
      '--format',
      `{{with index .NetworkSettings.Networks "quay_back"}}${format}{{end}}`,
      'quay_store_1',
    )
    expect(inspected).toContain('10.215.4.40')
    expect(inspected).toContain('warehouse')
    expect(inspected).toContain('store')
    expect(await ok('exec', '-T', 'front', 'wget', '-q', '-O', '-', 'http://store/')).toBe('hello\n')
  })

  test('run makes a container of its own with stdin, an exit code and no trace', async () => {
    const ran = await compose('run', '--rm', '-T', 'worker', 'sh', '-c', 'echo once; exit 5')
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code: 5, stdout: 'once\n' })
    expect(await names()).toEqual(['quay_front_1', 'quay_store_1', 'quay_worker_1'])
  })

  test('a service is scaled up and down', async () => {
    await ok('up', '-d', '--scale', 'worker=3', 'worker')
    const workers = () => names().then((all) => all.filter((name) => name.includes('worker')))
    expect(await workers()).toEqual(['quay_worker_1', 'quay_worker_2', 'quay_worker_3'])
    await ok('up', '-d', '-t', '0', '--scale', 'worker=1', 'worker')
    expect(await workers()).toEqual(['quay_worker_1'])
  })

  test('a changed service is made anew and keeps its volumes, the others stay', async () => {
    await ok('exec', '-T', 'front', 'touch', '/scratch/kept')
    const id = (name: string) => docker.ok('inspect', '--format', '{{.Id}}', name)
    const [store, front] = [await id('quay_store_1'), await id('quay_front_1')]
    writeFileSync(path.join(folder, 'docker-compose.yml'), FILE('welcome'))
    await ok('up', '-d', '-t', '0')
    expect(await id('quay_store_1')).toBe(store)
    expect(await id('quay_front_1')).not.toBe(front)
    expect(await ok('exec', '-T', 'front', 'env')).toContain('GREETING=welcome')
    expect(await ok('exec', '-T', 'front', 'ls', '/scratch')).toBe('kept\n')
  })

  test('services are stopped, started, restarted and killed', async () => {
    await ok('stop', '-t', '0', 'front')
    expect(await names()).toEqual(['quay_store_1', 'quay_worker_1'])
    await ok('start', 'front')
    await ok('restart', '-t', '0', 'worker')
    await ok('kill', 'worker')
    await ok('rm', '-f', 'worker')
    expect(await names()).toEqual(['quay_front_1', 'quay_store_1'])
    expect(await ok('exec', '-T', 'front', 'wget', '-q', '-O', '-', 'http://warehouse/')).toBe('welcome\n')
  })

  test('down -v leaves nothing', async () => {
    await ok('down', '-v', '-t', '0')
    // As with Docker, the anonymous volume that went over to the new container is known by name since.
    expect((await docker.ok('volume', 'ls', '-q')).trim()).toMatch(/^[0-9a-f]{64}$/)
    await docker.ok('volume', 'prune', '--force')
    expect(await docker.ok('ps', '-aq')).toBe('')
    expect(await docker.ok('volume', 'ls', '-q')).toBe('')
    expect(await docker.ok('network', 'ls', '--format', '{{.Name}}')).toBe('bridge\nhost\nnone\n')
  })
})
