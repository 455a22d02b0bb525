import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildConfig, buildDockerArchive, buildTar } from '../fixtures/archives.ts'
import { busyboxArchive, dockerOn, hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const hasSkopeo = spawnSync('skopeo', ['--version']).status === 0

describe.skipIf(!hasDocker)('images as archives, images of containers, and what is left over', () => {
  let here: DockerTest
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-archives-'))
  const file = (name: string) => path.join(folder, name)
  const ok = (...args: string[]) => here.ok(...args)
  const idOf = async (name: string) => (await ok('inspect', '--format', '{{.Id}}', name)).trim()
  const docker = (...args: string[]) => dockerOn(here.engine.config.socket)(args)

  beforeAll(async () => {
    here = await startDocker()
  })
  afterAll(async () => {
    await here?.engine.destroy()
    rmSync(folder, { recursive: true, force: true })
  })

  test('images are saved together and come back with names and ids', async () => {
    writeFileSync(
      file('second.tar'),
      await busyboxArchive(['test/second:1', 'test/second:2'], { files: { x: 'second' } }),
    )
    await ok('load', '--input', file('second.tar'))
    const ids = await Promise.all(['test/box:1', 'test/second:1'].map(idOf))
    await ok('save', '--output', file('both.tar'), 'test/box:1', 'test/second')
    await ok('rmi', 'test/box:1', 'test/second:1', 'test/second:2')
    const loaded = await ok('load', '--input', file('both.tar'))
    expect(loaded.split('\n').filter(Boolean).length).toBeGreaterThanOrEqual(2)
    expect(await Promise.all(['test/box:1', 'test/second:1'].map(idOf))).toEqual(ids)
    expect(await idOf('test/second:2')).toBe(ids[1])
    expect(await ok('run', '--rm', 'test/second:2', 'cat', '/x')).toBe('second')
    const missing = await docker('save', '--output', file('none.tar'), 'test/nosuch:1')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('No such image: test/nosuch:1') })
  })

  // An ordinary user's skopeo fails to give what it unpacks to root.
  const canSkopeo = hasSkopeo && process.getuid?.() === 0
  test.skipIf(!canSkopeo)('skopeo reads what we save in both forms, and we read what skopeo writes', async () => {
    const skopeo = (...args: string[]) => execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8' })
    await ok('save', '--output', file('one.tar'), 'test/box:1')
    const id = await idOf('test/box:1')
    const asDocker = JSON.parse(skopeo('inspect', '--raw', `docker-archive:${file('one.tar')}`)) as {
      config: { digest: string }
    }
    expect(asDocker.config.digest).toBe(id)
    const asOci = JSON.parse(skopeo('inspect', '--raw', `oci-archive:${file('one.tar')}`)) as {
      config: { digest: string }
    }
    expect(asOci.config.digest).toBe(id)
    skopeo('copy', '--quiet', `oci-archive:${file('one.tar')}`, `docker-archive:${file('docker.tar')}:test/copied:1`)
    skopeo('copy', '--quiet', `docker-archive:${file('one.tar')}`, `oci-archive:${file('oci.tar')}:test/copied:2`)
    await ok('load', '--input', file('docker.tar'))
    expect(await idOf('test/copied:1')).toBe(id)
    expect(await ok('load', '--input', file('oci.tar'))).toContain('Loaded image')
  })

  test('what a container has changed becomes a layer: added, removed, replaced folders and a config', async () => {
    const script =
      'echo new > /tmp/new; rm /etc/group; rm -r /bin/../etc/passwd; rm -r /tmp/x 2>/dev/null; mkdir /d; echo 1 > /d/f'
    await ok('run', '--name', 'maker', '--env', 'A=1', 'test/box:1', 'sh', '-c', script)
    const id = (
      await ok(
        'commit',
        '--author',
        'ann',
        '--message',
        'made',
        '--change',
        'CMD ["cat","/tmp/new"]',
        '--change',
        'ENV B="x y"',
        'maker',
        'test/made:1',
      )
    ).trim()
    expect(await idOf('test/made:1')).toBe(id)
    await ok('rm', 'maker')
    expect(await ok('run', '--rm', 'test/made:1')).toBe('new\n')
    expect(
      await ok('run', '--rm', 'test/made:1', 'sh', '-c', 'ls /etc/group /etc/passwd 2>/dev/null; cat /d/f; echo $A$B'),
    ).toBe('1\n1x y\n')
    const inspected = await ok('inspect', '--format', '{{len .RootFS.Layers}} {{.Config.Cmd}}', 'test/made:1')
    expect(inspected).toBe('2 [cat /tmp/new]\n')
    expect(await ok('history', '--format', '{{.Comment}}', 'test/made:1')).toContain('made')
  })

  test('what was said of a container is said of the image that is made of it', async () => {
    const said = ['--expose', '81', '-p', '127.0.0.1::82', '-v', '/data', '--stop-signal', 'SIGINT']
    const check = ['--health-cmd', 'true', '--health-interval', '7s']
    const maker = (await ok('create', ...said, ...check, 'test/box:1', 'true')).trim()
    await ok('commit', maker, 'test/said:1')
    await ok('rm', maker)
    const [{ Config }] = JSON.parse(await ok('inspect', 'test/said:1'))
    expect(Config).toMatchObject({
      ExposedPorts: { '81/tcp': {}, '82/tcp': {} },
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
    })
    const heir = (await ok('create', 'test/said:1')).trim()
    const [inherited] = JSON.parse(await ok('inspect', heir))
    await ok('rm', '-v', heir)
    expect(inherited.Config.Healthcheck).toMatchObject({ Test: ['CMD-SHELL', 'true'], Interval: 7e9 })
  })

  test('a running container is frozen while it is committed, and goes on', async () => {
    await ok('run', '--detach', '--name', 'busy', 'test/box:1', 'sh', '-c', 'echo 1 > /live; sleep 60')
    await ok('commit', 'busy', 'test/live:1')
    expect(await ok('inspect', '--format', '{{.State.Status}}', 'busy')).toBe('running\n')
    await ok('rm', '--force', 'busy')
    expect(await ok('run', '--rm', 'test/live:1', 'cat', '/live')).toBe('1\n')
  })

  test('what a folder hid stays hidden in the image', async () => {
    await ok('run', '--name', 'hider', 'test/live:1', 'sh', '-c', 'rm -r /etc; mkdir /etc; echo only > /etc/only')
    await ok('commit', 'hider', 'test/hidden:1')
    await ok('rm', 'hider')
    const seen = await ok('run', '--rm', 'test/hidden:1', 'sh', '-c', 'ls /etc')
    expect(seen.split('\n').filter((name) => !['hosts', 'hostname', 'resolv.conf', ''].includes(name))).toEqual([
      'only',
    ])
    await ok('rmi', 'test/hidden:1')
  })

  test('a tar becomes an image by import, whatever it is compressed with', async () => {
    const tar = await buildTar([{ name: 'hello', content: 'from a tar' }])
    writeFileSync(file('root.tar'), tar)
    const id = (
      await ok('import', '--message', 'brought', '--change', 'CMD ["/hello"]', file('root.tar'), 'test/root:1')
    ).trim()
    expect(await idOf('test/root:1')).toBe(id)
    expect(await ok('inspect', '--format', '{{.Config.Cmd}}', 'test/root:1')).toBe('[/hello]\n')
    await ok('create', '--name', 'root', 'test/root:1')
    await ok('cp', 'root:/hello', file('hello'))
    expect(readFileSync(file('hello'), 'utf8')).toBe('from a tar')
    await ok('rm', 'root')
  })

  test('a tar is imported from a web server, with what it says when it has none', async () => {
    const tar = await buildTar([{ name: 'hello', content: 'from afar' }])
    const asked: http.IncomingHttpHeaders[] = []
    const server = http
      .createServer(({ url, headers }, response) => {
        asked.push(headers)
        if (url === '/moved') return response.writeHead(302, { location: '/root.tar' }).end()
        if (url === '/root.tar') return response.writeHead(200, { 'content-length': tar.length }).end(tar)
        if (url === '/huge') return response.writeHead(200, { 'content-length': 1e17 }).write('x')
        if (url === '/cut') {
          response.writeHead(200, { 'content-length': tar.length }).write(tar.subarray(0, 100))
          return setTimeout(() => response.destroy(), 50)
        }
        response.writeHead(404).end('no such file')
      })
      .listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const host = `127.0.0.1:${port}`
    try {
      const said = await ok('import', '--change', 'CMD ["/hello"]', `http://me:secret@${host}/moved`, 'test/afar:1')
      expect(said).toContain(`Downloading from http://${host}/moved`)
      expect(said).not.toContain('secret')
      expect(asked[0]?.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`)
      expect(said.trim().split('\n').at(-1)?.trim()).toBe(await idOf('test/afar:1'))
      await ok('create', '--name', 'afar', 'test/afar:1')
      await ok('cp', 'afar:/hello', file('afar'))
      expect(readFileSync(file('afar'), 'utf8')).toBe('from afar')
      await ok('rm', 'afar')
      await ok('rmi', 'test/afar:1')
      const refused = async (source: string, name = 'test/never:1') => (await docker('import', source, name)).stderr
      expect(await refused(`http://${host}/nosuch`)).toContain(
        `failed to GET http://${host}/nosuch with status 404 Not Found: no such file`,
      )
      // The command takes what has no scheme for a file; to the engine it is http.
      expect((await here.ask('POST', `/images/create?fromSrc=${host}/nosuch`)).status).toBe(404)
      expect(await refused(`http://${host}/huge`)).toContain('which is half of what is free')
      expect(await refused(`http://${host}/root.tar`, 'test/never:1:2')).toContain('invalid reference format')
      expect(await refused(`http://${host}/cut`)).not.toBe('')
      expect(await refused('http://127.0.0.1:1/x')).toContain('127.0.0.1:1 cannot be reached')
      expect((await here.ask('POST', '/images/create?fromSrc=ftp://x/y')).json['message']).toContain(
        'invalid source "ftp://x/y"',
      )
      expect((await docker('inspect', 'test/never:1')).code).not.toBe(0)
      expect(readdirSync(path.join(here.engine.config.root, 'tmp'))).toEqual([])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  test('load tells of the layers that are new, unless it is asked to be quiet', async () => {
    const archive = await busyboxArchive(['test/layered:1'], { files: { y: 'layered' } })
    const load = (query: string) =>
      new Promise<Record<string, unknown>[]>((resolve, reject) => {
        const target = { socketPath: here.engine.config.socket, method: 'POST', path: `/v1.51/images/load${query}` }
        const request = http.request(target, async (response) => {
          let text = ''
          for await (const chunk of response) text += chunk
          resolve(
            text
              .trim()
              .split('\n')
              .map((line) => JSON.parse(line)),
          )
        })
        request.on('error', reject)
        request.end(archive)
      })
    const told = await load('')
    const total = expect.any(Number)
    expect(told.slice(0, -1)).not.toEqual([])
    for (const line of told.slice(0, -1))
      expect(line).toEqual({
        status: 'Loading layer',
        id: expect.stringMatching(/^[0-9a-f]{12}$/),
        progressDetail: { current: total, total },
      })
    const last = told.at(-2) as { progressDetail: { current: number; total: number } }
    expect(last.progressDetail.current).toBe(last.progressDetail.total)
    const loaded = { stream: 'Loaded image: test/layered:1\n' }
    expect(told.at(-1)).toEqual(loaded)
    // Its layer is here now.
    expect(await load('')).toEqual([loaded])
    await ok('rmi', 'test/layered:1')
    expect(await load('?quiet=1')).toEqual([loaded])
    await ok('rmi', 'test/layered:1')
  })

  test('what one has exported another imports', async () => {
    await ok('create', '--name', 'source', 'test/second:1')
    await ok('export', '--output', file('export.tar'), 'source')
    await ok('rm', 'source')
    await ok('import', file('export.tar'), 'test/exported:1')
    expect(await ok('run', '--rm', 'test/exported:1', 'cat', '/x')).toBe('second')
  })

  test('a name goes by Docker’s rules while containers stand on the image', async () => {
    await ok('tag', 'test/root:1', 'test/root:2')
    await ok('create', '--name', 'user', 'test/root:1')
    expect(await ok('rmi', 'test/root:2')).toBe('Untagged: test/root:2\n')
    const last = await docker('rmi', 'test/root:1')
    expect(last.stderr).toContain('unable to remove repository reference "test/root:1" (must force) - container')
    const id = await idOf('test/root:1')
    const byId = await docker('rmi', id)
    expect(byId.stderr).toContain('(must be forced) - image is being used by stopped container')
    await ok('rmi', '--force', 'test/root:1')
    expect(await ok('images', '--quiet', '--no-trunc', '--filter', 'dangling=true')).toContain(id)
    expect(await ok('image', 'prune', '--force')).not.toContain(id)
    await ok('rm', 'user')
    const pruned = await ok('image', 'prune', '--force')
    expect(pruned).toContain(`deleted: ${id}`)
    expect(pruned).toMatch(/Total reclaimed space: 10B/)
  })

  test('system df counts what lies on the disk', async () => {
    const df = (await here.ask('GET', '/system/df')).json as { LayersSize: number; Images: { SharedSize: number }[] }
    const { root } = here.engine.config
    const du = execFileSync('du', ['-s', '--block-size=1', '--apparent-size', `${root}/layers`, `${root}/blobs`], {
      encoding: 'utf8',
    })
    const total = du
      .trim()
      .split('\n')
      .reduce((sum, line) => sum + Number.parseInt(line, 10), 0)
    // du counts folders too, the engine what files hold.
    expect(df.LayersSize).toBeGreaterThan(total * 0.8)
    expect(df.LayersSize).toBeLessThanOrEqual(total)
    expect(df.Images.some(({ SharedSize }) => SharedSize > 0)).toBe(true)
  })

  test('prune removes every image that nothing uses, and only those, and frees what was said before', async () => {
    await ok('create', '--name', 'keeper-of-box', 'test/box:1')
    const measure = () => here.engine.engine.handlers.system.diskUsage({}, { signal: new AbortController().signal })
    const before = await measure()
    const named = (await ok('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}')).trim().split('\n')
    const id = await idOf('test/box:1')
    const kept = named.filter((line) => line.startsWith(id)).map((line) => line.slice(id.length + 1))
    await ok('image', 'prune', '--all', '--force')
    const left = await ok('images', '--format', '{{.Repository}}:{{.Tag}}')
    // Names of the one image that is used.
    expect(left.trim().split('\n').sort()).toEqual(kept.sort())
    const after = await measure()
    const sizeOf = ({ layerBytes, blobBytes }: typeof before) => layerBytes + blobBytes
    expect(before.unusedBytes).toBeGreaterThan(1000)
    // Folders count as the disk has them; what they hold is told to the byte.
    const difference = sizeOf(before) - sizeOf(after) - before.unusedBytes
    expect(Math.abs(difference)).toBeLessThan(before.unusedBytes * 0.05 + 4096 * 40)
    expect(after.unusedBytes).toBe(0)
    await ok('rm', 'keeper-of-box')
  })

  test('prune takes images by dangling, label, label! and until', async () => {
    const hour = 3_600_000
    const make = async (name: string, config: object, ageHours: number) => {
      const layer = await buildTar([{ name, content: name }])
      const created = new Date(Date.now() - ageHours * hour).toISOString()
      const built = buildConfig([layer], { created, config: { Cmd: ['/x'], ...config } })
      writeFileSync(file('pruned.tar'), await buildDockerArchive([layer], { tags: [`prune/${name}:1`], config: built }))
      await ok('load', '--input', file('pruned.tar'))
      return idOf(`prune/${name}:1`)
    }
    const ids = {
      old: await make('old', {}, 48),
      fresh: await make('fresh', {}, 0),
      kept: await make('kept', { Labels: { keep: 'yes' } }, 48),
      other: await make('other', { Labels: { keep: 'no' } }, 48),
      nameless: await make('nameless', { Labels: { keep: 'no' } }, 48),
    }
    // Its name goes to another image, as a newer build takes it.
    await ok('tag', 'prune/fresh:1', 'prune/nameless:1')
    const names = Object.keys(ids) as (keyof typeof ids)[]
    const left = async () => {
      const all = await ok('images', '--all', '--quiet', '--no-trunc')
      return names.filter((name) => all.includes(ids[name]))
    }
    const prune = async (filters: Record<string, readonly string[]>) => {
      const query = new URLSearchParams({ filters: JSON.stringify(filters) })
      return here.ask('POST', `/images/prune?${query}`)
    }
    const before = await left()
    // What a name still leads to is not dangling.
    await prune({ label: ['keep'] })
    await prune({ dangling: ['true'], until: ['1h'] })
    expect(await left()).toEqual(before.filter((name) => name !== 'nameless'))

    const bad: Record<string, string[]>[] = [{ dangling: ['maybe'] }, { dangling: ['true', 'false'] }, { dangling: [] }]
    for (const filters of [...bad, { until: ['soon'] }, { until: ['1h', '2h'] }, { color: ['red'] }]) {
      const refused = await prune(filters)
      expect(refused).toMatchObject({ status: 400, json: { message: expect.stringContaining('invalid filter') } })
    }
    const named = { dangling: ['false'] }
    await prune({ ...named, label: ['keep=yes'], 'label!': ['keep'] })
    await prune({ ...named, until: ['72h'] })
    expect(await left()).toEqual(['old', 'fresh', 'kept', 'other'])
    expect((await prune({ ...named, label: ['keep=no'] })).json['ImagesDeleted']).toContainEqual({ Deleted: ids.other })
    expect(await left()).toEqual(['old', 'fresh', 'kept'])
    await ok('image', 'prune', '--all', '--force', '--filter', 'until=24h', '--filter', 'label!=keep=yes')
    expect(await left()).toEqual(['fresh', 'kept'])
    await ok('image', 'prune', '--all', '--force', '--filter', 'label=keep')
    expect(await left()).toEqual(['fresh'])
  })
})
