import { once } from 'node:events'
import net from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

describe.skipIf(!hasDocker)('dockerode against our socket', () => {
  let docker: DockerTest
  let client: Docker

  beforeAll(async () => {
    docker = await startDocker()
    client = new Docker({ socketPath: docker.engine.config.socket })
  })
  afterAll(() => docker?.engine.destroy())

  test('run passes output on, with streams apart, and tells the code', async () => {
    const [out, err] = [new PassThrough(), new PassThrough()]
    const texts = Promise.all([text(out), text(err)])
    const command = ['sh', '-c', 'echo out; echo err >&2; exit 6']
    const [{ StatusCode }, container] = await client.run('test/box:1', command, [out, err], { Tty: false })
    out.end()
    err.end()
    expect({ StatusCode, texts: await texts }).toEqual({ StatusCode: 6, texts: ['out\n', 'err\n'] })
    await container.remove()
  })

  test('attach takes the connection over in both directions', async () => {
    const container = await client.createContainer({
      Image: 'test/box:1',
      Cmd: ['cat'],
      OpenStdin: true,
      StdinOnce: true,
    })
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true })
    const out = new PassThrough()
    const said = text(out)
    client.modem.demuxStream(stream, out, new PassThrough())
    await container.start()
    stream.end('both ways')
    await once(stream, 'end')
    out.end()
    expect(await said).toBe('both ways')
    expect(await container.wait()).toMatchObject({ StatusCode: 0 })
    await container.remove()
  })

  test('exec works taken over and as a plain request', async () => {
    const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['sleep', '600'] })
    await container.start()
    for (const options of [{ hijack: true, stdin: true }, { stdin: true }, {}]) {
      const exec = await container.exec({
        Cmd: ['sh', '-c', 'echo in; exit 3'],
        AttachStdout: true,
        AttachStderr: true,
      })
      const stream = await exec.start(options)
      const out = new PassThrough()
      const said = text(out)
      client.modem.demuxStream(stream, out, out)
      await once(stream, 'end')
      out.end()
      expect(await said).toBe('in\n')
      expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 3 })
    }
    await container.remove({ force: true })
  })

  test('without an upgrade the connection is taken over just so', async () => {
    const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['sleep', '600'] })
    await container.start()
    const exec = await container.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
    const stream = await exec.start({ stdin: true })
    const out = new PassThrough()
    client.modem.demuxStream(stream, out, out)
    stream.write('typed later')
    expect((await once(out, 'data')).toString()).toBe('typed later')
    ;(stream as unknown as { destroy(): void }).destroy()
    await container.remove({ force: true })
  })

  test('the end of what a client types is no end of what it reads', async () => {
    const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['sleep', '600'] })
    await container.start()
    const command = ['sh', '-c', 'cat; sleep 0.2; echo after']
    for (const upgrade of ['', 'Connection: Upgrade\r\nUpgrade: tcp\r\n']) {
      const exec = await container.exec({ Cmd: command, AttachStdin: true, AttachStdout: true, Tty: false })
      const socket = net.connect({ path: docker.engine.config.socket, allowHalfOpen: true })
      const said = text(socket)
      const head = `POST /exec/${exec.id}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n`
      socket.write(`${head}${upgrade}Content-Length: 2\r\n\r\n{}`)
      await once(socket, 'readable')
      socket.end('typed')
      expect(await said).toMatch(/^HTTP\/1\.1 (200|101) .*typed.*after\n$/s)
    }
    await container.remove({ force: true })
  })

  test('a terminal is resized while it runs', async () => {
    const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['sleep', '600'] })
    await container.start()
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'while read x; do stty size; done'],
      AttachStdin: true,
      AttachStdout: true,
      Tty: true,
    })
    const stream = await exec.start({ hijack: true, stdin: true, Tty: true })
    let seen = ''
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await exec.resize({ h: 31, w: 97 })
    await waitUntil(async () => {
      stream.write('\n')
      await new Promise((resolve) => setTimeout(resolve, 50))
      return seen.includes('31 97')
    }, 'the new size')
    stream.destroy()
    await container.remove({ force: true })
  })

  test('logs are followed, and left before their end', async () => {
    const loop = 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done'
    const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['sh', '-c', loop], Tty: true })
    await container.start()
    const stream = await container.logs({ follow: true, stdout: true, timestamps: false })
    let seen = ''
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await waitUntil(() => seen.includes('5\r\n'), 'the fifth line')
    ;(stream as unknown as { destroy(): void }).destroy()
    await container.remove({ force: true })
  })

  test('errors carry the status and the text', async () => {
    await expect(client.getContainer('nosuch').inspect()).rejects.toMatchObject({
      statusCode: 404,
      json: { message: 'No such container: nosuch' },
    })
    await expect(client.createNetwork({ Name: 'bridge' })).rejects.toMatchObject({ statusCode: 403 })
    await expect(client.getVolume('nosuch').inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('two clients that list, make and remove at once do not meet', async () => {
    const round = async (index: number) => {
      const container = await client.createContainer({ Image: 'test/box:1', Cmd: ['true'], name: `many${index}` })
      await container.start()
      await container.wait()
      await client.listContainers({ all: true, filters: { name: [`many${index}`] } })
      await container.remove()
    }
    await Promise.all(Array.from({ length: 12 }, (_, index) => round(index)))
    expect(await client.listContainers({ all: true })).toEqual([])
  })
})
