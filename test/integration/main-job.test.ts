import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TerminalIn, TerminalOut } from '../../engine/contract/container.ts'
import type { EngineEvent } from '../../engine/contract/system.ts'
import { createPushQueue } from '../../engine/lib/async.ts'
import { request, startEngine, type TestEngine, waitUntil } from '../helpers/engine.ts'

const context = { signal: new AbortController().signal }
let test: TestEngine
let image: string
const handlers = () => test.engine.handlers

const create = async (input: Record<string, unknown>) =>
  (await handlers().container.create(request({ image, ...input }), context)).id
const run = async (input: Record<string, unknown>) => {
  const id = await create(input)
  await handlers().container.start({ id }, context)
  return id
}
const statusOf = async (id: string) => (await handlers().container.inspect({ id }, context)).status
const logOf = async (id: string) =>
  (await handlers().container.logWindow({ id, tail: 100, search: '' }, context)).lines.map(({ text }) => text)
const runToEnd = async (command: string[], more: Record<string, unknown> = {}) => {
  const id = await run({ command, ...more })
  const { exitCode } = await handlers().container.wait({ id }, context)
  return { id, exitCode, log: await logOf(id) }
}

beforeAll(async () => {
  test = await startEngine()
  image = (await handlers().image.createStarter({}, context)).reference
})
afterAll(() => test?.destroy())

describe('a container', () => {
  it('runs a command, keeps its log and its exit code', async () => {
    const { exitCode, log } = await runToEnd(['sh', '-c', 'echo out; echo err >&2; exit 3'])
    expect(exitCode).toBe(3)
    expect(log.sort()).toEqual(['err', 'out'])
  })

  it('has the capabilities, hostname and address that Docker would give it', async () => {
    const { id, log } = await runToEnd([
      'sh',
      '-c',
      'grep CapEff /proc/self/status; hostname; ip -4 addr show eth0 | grep inet; cat /etc/hosts',
    ])
    const { ipAddress: _, config } = await handlers().container.inspect({ id }, context)
    expect(config.image).toBe(image)
    expect(log[0]).toBe('CapEff:\t00000000a80425fb')
    expect(log[1]).toBe(id.slice(0, 12))
    expect(log[2]).toMatch(/inet 172\.\d+\.\d+\.\d+\/24/)
    expect(log.join('\n')).toContain(`\t${id.slice(0, 12)}`)
  })

  it('serves a published port to this machine', async () => {
    const id = await run({ command: ['httpd', '-f', '-p', '80', '-h', '/var/www'], ports: [{ containerPort: 80 }] })
    const [port] = (await handlers().container.inspect({ id }, context)).ports
    let body = ''
    await waitUntil(async () => {
      body = await get(port?.hostPort ?? 0).catch(() => '')
      return body !== ''
    }, 'an answer on the port')
    expect(body).toContain('It works.')
    await handlers().container.remove({ id, force: true, volumes: true }, context)
    await expect(get(port?.hostPort ?? 0)).rejects.toThrow()
  })

  it('names the program that holds a taken port and the next free one, and stays as it was', async () => {
    const server = net.createServer().listen(0, '0.0.0.0')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    const id = await create({ command: ['sleep', '60'], ports: [{ containerPort: 80, hostPort: port }] })
    await expect(handlers().container.start({ id }, context)).rejects.toMatchObject({
      reason: 'port.in-use',
      details: {
        port,
        holder: expect.stringContaining(`pid ${process.pid}`),
        nextFree: expect.any(Number),
      },
    })
    expect(await statusOf(id)).toBe('created')
    server.close()
    await handlers().container.start({ id }, context)
    expect(await statusOf(id)).toBe('running')
  })

  it('says which command the image does not have', async () => {
    const id = await create({ command: ['no-such-command'] })
    await expect(handlers().container.start({ id }, context)).rejects.toMatchObject({
      reason: 'runtime.command-not-found',
      message: expect.stringContaining('no-such-command'),
    })
  })

  it('is refused a name that is taken', async () => {
    await create({ name: 'twice', command: ['true'] })
    await expect(create({ name: 'twice', command: ['true'] })).rejects.toMatchObject({
      reason: 'container.name-in-use',
    })
  })

  it('pauses, goes on, takes another name, stops by its signal and starts again', async () => {
    const id = await run({ command: ['sh', '-c', 'trap "exit 7" TERM; while true; do sleep 0.1; done'] })
    if (test.config.mode === 'rootful') {
      await handlers().container.pause({ id }, context)
      expect(await statusOf(id)).toBe('paused')
      await handlers().container.unpause({ id }, context)
    } else {
      // The freezer is a control group, and this user was given none.
      await expect(handlers().container.pause({ id }, context)).rejects.toMatchObject({
        reason: 'container.pause-unavailable',
      })
    }
    await handlers().container.rename({ id, name: 'renamed' }, context)
    await handlers().container.stop({ id: 'renamed' }, context)
    const stopped = await handlers().container.inspect({ id }, context)
    expect(stopped).toMatchObject({ status: 'exited', exitCode: 7, name: 'renamed' })
    await handlers().container.start({ id }, context)
    expect(await statusOf(id)).toBe('running')
    await handlers().container.kill({ id, signal: 'KILL' }, context)
    expect((await handlers().container.inspect({ id }, context)).exitCode).toBe(137)
  })

  it('keeps what is written to a volume and sees a bind mount', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-bind-'))
    writeFileSync(path.join(folder, 'from-host'), 'hello')
    const mounts = [
      { type: 'volume', source: 'kept', target: '/data' },
      { type: 'bind', source: folder, target: '/host', readOnly: true },
    ]
    const first = await runToEnd(
      ['sh', '-c', 'echo x > /data/f; cat /host/from-host; touch /host/no 2>/dev/null || echo read-only'],
      { mounts },
    )
    expect(first.log).toEqual(['helloread-only'])
    expect((await runToEnd(['cat', '/data/f'], { mounts })).log).toEqual(['x'])
    rmSync(folder, { recursive: true })
  })

  it('is removed by itself when that was asked, and an event says so', async () => {
    const stop = new AbortController()
    const seen: EngineEvent[] = []
    const listening = (async () => {
      for await (const event of handlers().system.events({}, { signal: stop.signal, up: createPushQueue<never>() }))
        seen.push(event)
    })()
    const id = await run({ command: ['true'], autoRemove: true })
    await waitUntil(() => seen.some((event) => event.id === id && event.action === 'destroy'), 'the destroy event')
    stop.abort()
    await listening
    expect(seen.filter((event) => event.id === id).map(({ action }) => action)).toEqual([
      'create',
      'start',
      'die',
      'destroy',
    ])
  })

  it('is restarted after a failure as often as was asked', async () => {
    const id = await run({ command: ['sh', '-c', 'exit 1'], restart: { name: 'on-failure', maximumRetryCount: 2 } })
    await waitUntil(async () => (await statusOf(id)) === 'exited', 'the last exit')
    expect((await handlers().container.inspect({ id }, context)).restartCount).toBe(2)
  })
})

describe('a terminal', () => {
  it('echoes what is typed, knows its size and ends with the exit code', async () => {
    const id = await run({ command: ['sleep', '60'] })
    const up = createPushQueue<TerminalIn>()
    const frames: TerminalOut[] = []
    const text = () => frames.map((frame) => (frame.type === 'data' ? Buffer.from(frame.data).toString() : '')).join('')
    const input = { id, command: ['/bin/sh'], tty: true, env: [], user: null, workingDir: null, columns: 100, rows: 30 }
    const session = (async () => {
      for await (const frame of handlers().container.exec(input, { signal: context.signal, up })) frames.push(frame)
    })()
    up.push({ type: 'resize', columns: 120, rows: 40 })
    up.push({ type: 'data', data: Buffer.from('echo $((6*7))\n') })
    await waitUntil(() => /\n42/.test(text()), 'the answer')
    // The size goes by another way than the keys, so it may come after them.
    await waitUntil(async () => {
      up.push({ type: 'resize', columns: 120, rows: 40 })
      up.push({ type: 'data', data: Buffer.from('stty size\n') })
      await new Promise((resolve) => setTimeout(resolve, 100))
      return text().includes('40 120')
    }, 'the new size').catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(text().slice(-300))}`)
    })
    up.push({ type: 'data', data: Buffer.from('exit 5\n') })
    await session
    expect(frames.at(-1)).toEqual({ type: 'exit', exitCode: 5 })
  })
})

describe('an engine that restarts', () => {
  it('finds its containers running and their exits that it missed', async () => {
    const lasting = await run({ command: ['sh', '-c', 'while true; do echo tick; sleep 0.1; done'] })
    const ending = await run({ command: ['sh', '-c', 'sleep 1; exit 9'] })
    await test.restart()
    expect(await statusOf(lasting)).toBe('running')
    await waitUntil(async () => (await statusOf(ending)) === 'exited', 'the exit')
    expect((await handlers().container.inspect({ id: ending }, context)).exitCode).toBe(9)
    await waitUntil(async () => (await logOf(lasting)).length > 3, 'log lines')
  })

  it('gets a new keeper when the old one is killed, and what runs goes on', async () => {
    const id = await run({ command: ['sleep', '600'] })
    const { pid } = await handlers().container.inspect({ id }, context)
    const before = (await handlers().system.info({}, context)).keeperPid
    process.kill(before, 'SIGKILL')
    await waitUntil(async () => {
      const info = await handlers()
        .system.info({}, context)
        .catch(() => null)
      return info !== null && info.keeperPid !== before
    }, 'a new keeper')
    expect(await statusOf(id)).toBe('running')
    expect((await handlers().container.inspect({ id }, context)).pid).toBe(pid)
    await handlers().container.kill({ id, signal: 'KILL' }, context)
    expect(await statusOf(id)).toBe('exited')
  })
})

describe('what is left behind', () => {
  it('is nothing once everything is removed: no mount, no veth, no namespace, no rule', async () => {
    for (const { id } of await handlers().container.list({ all: true }, context)) {
      await handlers().container.remove({ id, force: true, volumes: true }, context)
    }
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    expect(mounts).not.toContain(test.config.root)
    if (process.getuid?.() === 0) {
      const links = () => execFileSync('ip', ['-o', 'link', 'show', 'type', 'veth']).toString()
      await waitUntil(() => !links().includes(`master ${test.config.bridge}`), 'the end of every veth')
    }
  })
})

function get(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', agent: false }, (response) => {
        let body = ''
        response.on('data', (chunk) => {
          body += chunk
        })
        response.on('end', () => resolve(body))
      })
      .on('error', reject)
  })
}
