import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'
import { startVolumePlugin, type VolumePlugin } from '../helpers/volume-plugin.ts'

describe.skipIf(!hasDocker)('volumes of a plugin with a socket of its own', () => {
  let it: DockerTest
  let plugin: VolumePlugin
  let data: string
  let folder: string
  const socket = () => path.join(folder, 'shelf.sock')
  const start = async () => {
    plugin = await startVolumePlugin(socket(), data)
  }
  const run = (flags: readonly string[], script: string) =>
    it.ok('run', '--rm', '--network', 'none', ...flags, 'test/box:1', 'sh', '-c', script)
  const refused = async (...args: string[]) => {
    const { code, stderr } = await it.docker(args)
    expect(code).not.toBe(0)
    return stderr
  }
  const inspect = async (name: string) =>
    (JSON.parse(await it.ok('volume', 'inspect', name)) as [Record<string, unknown>])[0]
  const holders = (name: string) => plugin.holders.get(name)?.size

  beforeAll(async () => {
    it = await startDocker()
    folder = it.engine.config.pluginFolders[0] as string
    data = path.join(path.dirname(folder), 'shelf')
    mkdirSync(data)
    await start()
  })
  afterAll(async () => {
    await it?.engine.destroy()
    await plugin?.close()
  })

  afterEach(() => plugin.answers.clear())

  test('a volume is made with options, written by one container, read by the next, and removed', async () => {
    await it.ok('volume', 'create', '-d', 'shelf', '-o', 'size=1g', 'books')
    expect(plugin.calls.find(({ method }) => method === 'VolumeDriver.Create')?.body).toEqual({
      Name: 'books',
      Opts: { size: '1g' },
    })
    await run(['-v', 'books:/books'], 'echo one > /books/page')
    expect(readFileSync(path.join(data, 'books/page'), 'utf8')).toBe('one\n')
    expect(holders('books')).toBe(0)
    expect(await run(['-v', 'books:/books', '-v', 'books:/same'], 'cat /books/page /same/page')).toBe('one\none\n')
    expect(await it.ok('volume', 'ls', '--format', '{{.Driver}} {{.Name}}')).toBe('shelf books\n')
    expect(await inspect('books')).toMatchObject({
      Driver: 'shelf',
      Mountpoint: path.join(data, 'books'),
      Options: { size: '1g' },
      Scope: 'global',
      Status: { holders: 0 },
    })
    await it.ok('volume', 'rm', 'books')
    expect(plugin.holders.has('books')).toBe(false)
  })

  test('run makes volumes by --volume-driver and --mount, and inspect says so', async () => {
    const mount = 'type=volume,source=second,target=/b,volume-driver=shelf,volume-opt=k=v'
    const flags = ['-v', 'first:/a', '--volume-driver', 'shelf', '--mount', mount]
    await it.ok('run', '-d', '--name', 'holder', '--network', 'none', ...flags, 'test/box:1', 'sleep', '600')
    expect([holders('first'), holders('second')]).toEqual([1, 1])
    const [{ Mounts }] = JSON.parse(await it.ok('inspect', 'holder')) as [{ Mounts: Record<string, unknown>[] }]
    expect(Mounts.map(({ Driver, Source }) => [Driver, Source])).toEqual([
      ['shelf', path.join(data, 'first')],
      ['shelf', path.join(data, 'second')],
    ])
    expect((await inspect('second'))['Options']).toEqual({ k: 'v' })
    expect(await refused('volume', 'create', '-d', 'local', 'first')).toContain(
      "driver 'shelf' already has volume 'first'",
    )
    // The engine may go and come: what is mounted stays so until the container ends.
    await it.engine.restart()
    await it.engine.engine.listen()
    expect(holders('first')).toBe(1)
    await it.ok('kill', 'holder')
    await waitUntil(() => holders('first') === 0 && holders('second') === 0, 'the unmount')
    // A container that does not run has its volumes mounted for a copy.
    writeFileSync(path.join(data, 'first/note'), 'kept')
    const out = path.join(path.dirname(folder), 'note')
    await it.ok('cp', 'holder:/a/note', out)
    expect(readFileSync(out, 'utf8')).toBe('kept')
    await waitUntil(() => holders('first') === 0, 'the unmount after the copy')
    await it.ok('rm', 'holder')
    await it.ok('volume', 'rm', 'first', 'second')
  })

  test('a container that cannot start gives its volumes back', async () => {
    await it.ok('volume', 'create', '-d', 'shelf', 'tried')
    expect(await refused('run', '--rm', '-v', 'tried:/t', 'test/box:1', '/nosuch')).toContain('/nosuch')
    expect(holders('tried')).toBe(0)
    plugin.answers.set('VolumeDriver.Mount', { body: '{"Mountpoint":"/nosuch/place","Err":""}' })
    expect(await refused('run', '--rm', '-v', 'tried:/t', 'test/box:1', 'true')).toContain(
      `volume plugin "shelf" says that it mounted tried at "/nosuch/place", which cannot be found`,
    )
    expect(plugin.calls.at(-1)?.method).toBe('VolumeDriver.Unmount')
    plugin.answers.set('VolumeDriver.Mount', { status: 500, body: '{"Err":"the shelf is full"}' })
    expect(await refused('run', '--rm', '-v', 'tried:/t', 'test/box:1', 'true')).toContain('the shelf is full')
    expect(plugin.calls.at(-1)?.method).toBe('VolumeDriver.Mount')
    plugin.answers.clear()
    await it.ok('volume', 'rm', 'tried')
  })

  test("a plugin's refusal to remove is passed on, and force removes what is known of the volume here", async () => {
    await it.ok('volume', 'create', '-d', 'shelf', 'held')
    plugin.answers.set('VolumeDriver.Remove', { body: '{"Err":"held by another host"}' })
    expect(await refused('volume', 'rm', 'held')).toContain('remove held: VolumeDriver.Remove: held by another host')
    await it.ok('volume', 'rm', '--force', 'held')
    expect(it.engine.engine.services.volume.list()).toEqual([])
    // The plugin has it still, and says so.
    expect(await it.ok('volume', 'ls', '-q')).toBe('held\n')
    plugin.holders.delete('held')
    expect(await it.ok('volume', 'ls', '-q')).toBe('')
  })

  test('a plugin that is away is named, and found again when it is back', async () => {
    expect(await it.ok('info', '--format', '{{.Plugins.Volume}}')).toBe('[local shelf]\n')
    expect(await refused('volume', 'create', '-d', 'nosuch', 'never')).toContain(
      'error looking up volume plugin nosuch: plugin "nosuch" not found',
    )
    await it.ok('volume', 'create', '-d', 'shelf', 'waiting')
    await plugin.close()
    rmSync(socket(), { force: true })
    const missing = 'error looking up volume plugin shelf: plugin "shelf" not found'
    expect(await refused('run', '--rm', '-v', 'waiting:/w', 'test/box:1', 'true')).toContain(missing)
    expect(await refused('volume', 'rm', 'waiting')).toContain(missing)
    const { holders: kept } = plugin
    await start()
    for (const [name, ids] of kept) plugin.holders.set(name, ids)
    expect(await run(['-v', 'waiting:/w'], 'echo back')).toBe('back\n')
    await it.ok('volume', 'rm', 'waiting')
  })

  test('a volume that the plugin alone knows is listed, inspected, used and removed like one that was made here', async () => {
    mkdirSync(path.join(data, 'foreign'))
    plugin.holders.set('foreign', new Set())
    expect(await it.ok('volume', 'ls', '--format', '{{.Driver}} {{.Name}}')).toBe('shelf foreign\n')
    expect(await it.ok('volume', 'ls', '-q', '--filter', 'driver=local')).toBe('')
    expect(await inspect('foreign')).toMatchObject({ Driver: 'shelf', Mountpoint: path.join(data, 'foreign') })
    await run(['-v', 'foreign:/f'], 'echo here > /f/note')
    expect(readFileSync(path.join(data, 'foreign/note'), 'utf8')).toBe('here\n')
    await it.ok('volume', 'rm', 'foreign')
    expect(plugin.holders.has('foreign')).toBe(false)
    // Nobody took it for a new one of the local driver.
    mkdirSync(path.join(data, 'second'))
    plugin.holders.set('second', new Set())
    await run(['-v', 'second:/f'], 'echo there > /f/note')
    expect(readFileSync(path.join(data, 'second/note'), 'utf8')).toBe('there\n')
    await it.ok('volume', 'rm', 'second')
    expect(await refused('volume', 'inspect', 'nosuch')).toContain('no such volume')
  })

  test('while a plugin makes, mounts or removes a volume and does not come to an end, other containers start', async () => {
    await it.ok('volume', 'create', '-d', 'shelf', 'slow')
    await it.ok('volume', 'create', '-d', 'shelf', 'stuck')
    for (const method of ['Create', 'Mount', 'Remove']) plugin.answers.set(`VolumeDriver.${method}`, null)
    const waiting = [
      it.docker(['volume', 'create', '-d', 'shelf', 'never']),
      it.docker(['create', '--volume-driver', 'shelf', '-v', 'nor:/n', '-v', '/anonymous', 'test/box:1', 'true']),
      it.docker(['run', '--name', 'hangs', '-v', 'slow:/s', '--network', 'none', 'test/box:1', 'true']),
      it.docker(['volume', 'rm', 'stuck']),
    ]
    const asked = (method: string) => plugin.calls.filter((call) => call.method === `VolumeDriver.${method}`)
    const creates = () => asked('Create').filter(({ body }) => ['never', 'nor'].includes(body.Name ?? '')).length
    await waitUntil(() => creates() === 2 && asked('Mount').at(-1)?.body.Name === 'slow', 'the calls')
    await waitUntil(() => asked('Remove').at(-1)?.body.Name === 'stuck', 'the removal')
    const begun = performance.now()
    expect(await run(['-v', 'quick:/q'], 'echo done')).toBe('done\n')
    await it.ok('volume', 'rm', 'quick')
    await it.ok('run', '-d', '--name', 'beside', '--network', 'none', 'test/box:1', 'sleep', '60')
    await it.ok('rename', 'beside', 'next')
    await it.ok('rm', '-f', 'next')
    // Each call of the plugin may take thirty seconds.
    expect(performance.now() - begun).toBeLessThan(20_000)
    expect(await refused('volume', 'inspect', 'nor')).toContain('no such volume')
    // Whoever waits for it learns that it is gone.
    const { holders: kept } = plugin
    await plugin.close()
    for (const outcome of await Promise.all(waiting)) expect(outcome.code).not.toBe(0)
    await start()
    for (const [name, ids] of kept) plugin.holders.set(name, ids)
    await it.ok('rm', 'hangs')
    await it.ok('volume', 'rm', 'slow', 'stuck')
    expect(await it.ok('ps', '-aq')).toBe('')
    expect(await it.ok('volume', 'ls', '-q')).toBe('')
  })

  test('a plugin is found by a file that names its socket', async () => {
    writeFileSync(path.join(folder, 'alias.spec'), `unix://${socket()}\n`)
    writeFileSync(path.join(folder, 'other.json'), JSON.stringify({ Name: 'other', Addr: `unix://${socket()}` }))
    writeFileSync(path.join(folder, 'far.spec'), 'tcp://127.0.0.1:1')
    for (const driver of ['alias', 'other']) {
      await it.ok('volume', 'create', '-d', driver, `by-${driver}`)
      await it.ok('volume', 'rm', `by-${driver}`)
    }
    expect(await refused('volume', 'create', '-d', 'far', 'never')).toContain('"tcp://127.0.0.1:1" is not unix:///PATH')
  })
})
