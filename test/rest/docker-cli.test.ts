import { statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { busyboxArchive, dockerOn, hasDocker } from '../helpers/docker.ts'
import { startEngine, type TestEngine } from '../helpers/engine.ts'

if (!hasDocker) process.stderr.write('rest skipped: there is no docker command\n')

describe.skipIf(!hasDocker)('the stock docker command against our socket', () => {
  let engine: TestEngine
  let dockerode: Docker
  let docker: ReturnType<typeof dockerOn>
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }

  beforeAll(async () => {
    engine = await startEngine()
    await engine.engine.listen()
    docker = dockerOn(engine.config.socket)
    dockerode = new Docker({ socketPath: engine.config.socket })
    const archive = path.join(engine.config.root, 'box.tar')
    writeFileSync(archive, await busyboxArchive(['test/box:1']))
    expect(await ok('load', '--input', archive)).toBe('Loaded image: test/box:1\n')
  })
  afterAll(() => engine?.destroy())

  test('the socket is private to its user', () => {
    expect(statSync(engine.config.socket).mode & 0o777).toBe(0o600)
  })

  test('version and info name this engine and the versions of the API', async () => {
    expect(await ok('version', '--format', '{{.Server.APIVersion}} {{.Server.MinAPIVersion}}')).toBe('1.51 1.24\n')
    expect(await ok('info', '--format', '{{.ServerVersion}} {{.Swarm.LocalNodeState}}')).toBe('0.1.0 inactive\n')
  })

  test('run shows output on the right streams and ends with the code of the process', async () => {
    const outcome = await docker(['run', '--rm', 'test/box:1', 'sh', '-c', 'echo out; echo err >&2; exit 7'])
    expect(outcome).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
    expect(await ok('ps', '-aq')).toBe('')
  })

  test('run -i passes stdin and its end', async () => {
    const outcome = await docker(['run', '--rm', '-i', 'test/box:1', 'cat'], 'first\nsecond')
    expect(outcome).toEqual({ code: 0, stdout: 'first\nsecond', stderr: '' })
  })

  test('125, 127 and the texts of Docker tell what failed', async () => {
    const missing = await docker(['run', '--rm', 'test/nosuch:1', 'true'])
    expect(missing.code).toBe(125)
    expect(missing.stderr).toContain("Unable to find image 'test/nosuch:1' locally")
    const command = await docker(['run', '--rm', 'test/box:1', 'nosuch'])
    expect(command.code).toBe(127)
    expect(command.stderr).toContain('exec: "nosuch": executable file not found in $PATH')
    expect((await docker(['logs', 'nosuch'])).stderr).toBe('Error response from daemon: No such container: nosuch\n')
    expect(await ok('ps', '-aq')).toBe('')
  })

  test('a container is started, listed, entered, logged, renamed, stopped and removed', async () => {
    const id = (
      await ok(
        'run',
        '-d',
        '--name',
        'one',
        '--label',
        'a=b',
        '-e',
        'X=y',
        'test/box:1',
        'sh',
        '-c',
        'trap "exit 0" TERM; echo $X; while :; do sleep 0.1; done',
      )
    ).trim()
    expect(await ok('ps', '--filter', 'label=a=b', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.State}}')).toBe(
      `${id} one running\n`,
    )
    expect(await docker(['exec', 'one', 'sh', '-c', 'echo in; exit 9'])).toEqual({
      code: 9,
      stdout: 'in\n',
      stderr: '',
    })
    expect((await docker(['exec', 'one', 'nosuch'])).code).toBe(127)
    expect(await ok('logs', 'one')).toBe('y\n')
    expect(await ok('inspect', '--format', '{{.State.Status}} {{.Config.Image}}', 'one')).toBe('running test/box:1\n')
    await ok('rename', 'one', 'two')
    await ok('stop', 'two')
    expect(await ok('wait', 'two')).toBe('0\n')
    expect(await ok('ps', '-a', '--format', '{{.Names}} {{.Status}}')).toMatch(/^two Exited \(0\) /)
    await ok('rm', 'two')
  })

  test('logs -f ends with the container, and tail takes the last lines', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'count',
      'test/box:1',
      'sh',
      '-c',
      'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done',
    )
    expect(await ok('logs', '--follow', 'count')).toBe('1\n2\n3\n4\n5\n')
    expect(await ok('logs', '--tail', '2', 'count')).toBe('4\n5\n')
    await ok('rm', 'count')
  })

  test('networks and volumes are made, used and removed', async () => {
    await ok('network', 'create', '--subnet', '10.213.7.0/24', 'shore')
    await ok('volume', 'create', 'cargo')
    const address = await ok(
      'run',
      '--rm',
      '--network',
      'shore',
      '--ip',
      '10.213.7.9',
      '-v',
      'cargo:/data',
      'test/box:1',
      'sh',
      '-c',
      'echo kept > /data/f; grep 10.213.7.9 /etc/hosts',
    )
    expect(address).toContain('10.213.7.9')
    expect(await ok('run', '--rm', '-v', 'cargo:/data', 'test/box:1', 'cat', '/data/f')).toBe('kept\n')
    await ok('network', 'rm', 'shore')
    await ok('volume', 'rm', 'cargo')
  })

  test('what a shell does reaches a client of the events', async () => {
    const stream = await dockerode.getEvents({ filters: { type: ['container'] } })
    const actions: string[] = []
    stream.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split('\n'))
        actions.push((JSON.parse(line) as { Action: string }).Action)
    })
    await ok('run', '--rm', 'test/box:1', 'true')
    for (let attempt = 0; attempt < 100 && !actions.includes('destroy'); attempt += 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
    ;(stream as unknown as { destroy(): void }).destroy()
    expect(actions).toEqual(['create', 'attach', 'start', 'die', 'destroy'])
  })

  test('a body that is no JSON, a filter that nobody knows and an old version are refused in words', async () => {
    const ask = (method: string, target: string, body = ''): Promise<{ status: number; message: string }> =>
      new Promise((resolve, reject) => {
        const request = http.request({ socketPath: engine.config.socket, method, path: target }, (response) => {
          let text = ''
          response.on('data', (chunk) => {
            text += chunk
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, message: JSON.parse(text).message }))
        })
        request.on('error', reject)
        request.end(body)
      })
    expect((await ask('POST', '/v1.51/containers/create', '{"Image": ')).status).toBe(400)
    expect((await ask('POST', '/v1.51/containers/create', '{"Image":"x"} trailing')).status).toBe(400)
    expect(await ask('GET', '/v1.51/containers/json?filters={"nosuch":["a"]}')).toEqual({
      status: 400,
      message: "invalid filter 'nosuch'",
    })
    expect((await ask('GET', '/v1.12/containers/json')).message).toContain('too old')
    expect(await ask('GET', '/v1.51/nosuch')).toEqual({ status: 404, message: 'page not found' })
    expect((await ask('GET', '/v1.51/swarm')).status).toBe(503)
  })
})
