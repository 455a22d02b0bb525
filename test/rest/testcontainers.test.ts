import { existsSync, lstatSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { GenericContainer, Network, type StartedTestContainer, Wait } from 'testcontainers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { busyboxArchive, dockerOn, hasDocker } from '../helpers/docker.ts'
import { startEngine, type TestEngine } from '../helpers/engine.ts'

const APPLETS = 'sh cat echo sleep awk grep nc wget httpd mkdir printf env ls'.split(' ')
const WEB = ['sh', '-c', 'mkdir /www; echo ready > /www/index.html; echo listening; exec httpd -f -p 80 -h /www']
const context = { signal: new AbortController().signal }

// testcontainers looks at this place first of all; what is served there is not ours to test.
const isHidden = existsSync('/var/run/docker.sock')
if (isHidden) process.stderr.write('testcontainers skipped: /var/run/docker.sock is served by another engine\n')

describe.skipIf(!hasDocker || isHidden)('testcontainers finds the socket by itself and works', () => {
  const kept = { ...process.env }
  let engine: TestEngine
  const stopping: { stop(): Promise<unknown> }[] = []
  const keep = <T extends { stop(): Promise<unknown> }>(made: T): T => {
    stopping.push(made)
    return made
  }
  const web = () => new GenericContainer('test/web:1').withCommand(WEB)
  const page = async (container: StartedTestContainer) =>
    (await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}/`)).text()

  beforeAll(async () => {
    engine = await startEngine()
    await engine.engine.listen()
    const archive = path.join(engine.config.root, 'web.tar')
    writeFileSync(
      archive,
      await busyboxArchive(['test/web:1'], { applets: APPLETS, config: { ExposedPorts: { '80/tcp': {} } } }),
    )
    expect((await dockerOn(engine.config.socket)(['load', '--input', archive])).code).toBe(0)
    delete process.env['DOCKER_HOST']
    process.env['XDG_RUNTIME_DIR'] = path.dirname(engine.config.offeredSocket)
    process.env['DOCKER_CONFIG'] = engine.config.dockerConfigFolder
    // The reaper is an image of the net's; and where the test runs in a container itself, ports are still of this host.
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
    process.env['TESTCONTAINERS_HOST_OVERRIDE'] = '127.0.0.1'
  })
  afterAll(async () => {
    for (const one of stopping.toReversed()) await one.stop().catch(() => undefined)
    await engine?.destroy()
    process.env = kept
  })

  test('the socket is offered where clients look, when that is asked for and free', async () => {
    const { offeredSocket: place, socket } = engine.config
    const { docker } = engine.engine.handlers
    expect((await docker.describe({}, context)).offer).toEqual({ path: place, state: 'free', isWanted: false })
    symlinkSync('/dev/null', place)
    await expect(docker.offerSocket({ isOn: true }, context)).rejects.toMatchObject({ reason: 'docker.socket-taken' })
    expect(readlinkSync(place)).toBe('/dev/null')
    await import('node:fs/promises').then(({ rm }) => rm(place))
    await docker.offerSocket({ isOn: true }, context)
    expect(readlinkSync(place)).toBe(socket)
    expect((await docker.describe({}, context)).offer).toEqual({ path: place, state: 'ours', isWanted: true })
  })

  test('a container with an exposed port is waited for by its port, its log and its page', async () => {
    for (const strategy of [
      Wait.forListeningPorts(),
      Wait.forLogMessage('listening'),
      Wait.forHttp('/', 80).forStatusCode(200),
      Wait.forSuccessfulCommand('wget -q -O /dev/null http://127.0.0.1/'),
    ]) {
      const container = keep(await web().withExposedPorts(80).withWaitStrategy(strategy).start())
      await expect.poll(() => page(container).catch(() => '')).toBe('ready\n')
      await container.stop()
    }
  })

  test('a container is waited for by its health, and one that never gets well is given up', async () => {
    const check = (command: string) => ({
      test: ['CMD-SHELL', command] as ['CMD-SHELL', string],
      interval: 100,
      timeout: 2000,
      retries: 3,
    })
    const container = keep(
      await web()
        .withHealthCheck(check('wget -q -O /dev/null http://127.0.0.1/'))
        .withWaitStrategy(Wait.forHealthCheck())
        .start(),
    )
    await container.stop()
    await expect(
      web().withHealthCheck(check('exit 1')).withWaitStrategy(Wait.forHealthCheck()).withStartupTimeout(20_000).start(),
    ).rejects.toThrow(/unhealthy/)
  })

  test('containers on a network know each other by alias', async () => {
    const network = keep(await new Network().start())
    const server = keep(
      await web()
        .withNetwork(network)
        .withNetworkAliases('harbour')
        .withWaitStrategy(Wait.forLogMessage('listening'))
        .start(),
    )
    const client = keep(
      await new GenericContainer('test/web:1').withNetwork(network).withCommand(['sleep', '600']).start(),
    )
    const { exitCode, output } = await client.exec(['wget', '-q', '-O', '-', 'http://harbour/'])
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: 'ready\n' })
    expect(server.getIpAddress(network.getName())).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
  })

  test('files, environment, logs and a restart', async () => {
    const container = keep(
      await new GenericContainer('test/web:1')
        .withCommand(['sh', '-c', 'cat /given; echo $NAME; sleep 600'])
        .withEnvironment({ NAME: 'ship' })
        .withCopyContentToContainer([{ content: 'cargo\n', target: '/given' }])
        .withWaitStrategy(Wait.forLogMessage('ship'))
        .start(),
    )
    let said = ''
    const logs = await container.logs()
    logs.on('data', (chunk) => {
      said += chunk
    })
    await expect.poll(() => said).toContain('cargo\nship\n')
    await container.copyContentToContainer([{ content: 'more', target: '/later' }])
    expect((await container.exec(['cat', '/later'])).output).toBe('more')
    await container.restart({ timeout: 0 })
    expect((await container.exec(['sh', '-c', 'exit 3'])).exitCode).toBe(3)
  })

  test('the offer ends with the engine, and is made again by the next', async () => {
    const { offeredSocket: place } = engine.config
    for (const one of stopping.splice(0).toReversed()) await one.stop().catch(() => undefined)
    await engine.restart()
    expect(() => lstatSync(place)).toThrow('ENOENT')
    await engine.engine.listen()
    expect(lstatSync(place).isSymbolicLink()).toBe(true)
    await engine.engine.handlers.docker.offerSocket({ isOn: false }, context)
    expect(() => lstatSync(place)).toThrow('ENOENT')
  })
})
