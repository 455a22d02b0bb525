import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTar } from '../fixtures/archives.ts'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

describe.skipIf(!hasDocker)('docker cp, diff and export', () => {
  let it: DockerTest
  let work: string
  const at = (name: string) => path.join(work, name)
  const shell = (id: string, script: string) => it.ok('exec', id, 'sh', '-c', script)
  /** Containers `running` and `stopped` with the same files, a volume and a bind. */
  const BOTH = ['running', 'stopped'] as const

  beforeAll(async () => {
    it = await startDocker()
    work = fs.mkdtempSync(path.join(it.engine.config.root, 'work-'))
    fs.mkdirSync(at('bound'))
    for (const name of BOTH) {
      const flags = ['--network', 'none', '-v', `${name}:/volume`, '-v', `${at('bound')}:/bound`]
      await it.ok('run', '-d', '--name', name, ...flags, 'test/box:1', 'sleep', '600')
      await shell(
        name,
        'mkdir -p /data/deep; echo one > /data/one; echo two > /data/deep/two; ln -s /data/one /link; ln -s /data /folder; ln -s deep/two /data/up; chmod 4751 /data/one; chown 1000:2000 /data/one; ln /data/one /data/same; echo kept > /volume/f; echo bound > /bound/f',
      )
    }
    await it.ok('kill', 'stopped')
    await it.ok('wait', 'stopped')
  })
  afterAll(() => it?.engine.destroy())

  test.each(BOTH)('a file, a folder and its contents come out of a %s container', async (name) => {
    fs.mkdirSync(at(`out-${name}`))
    const out = (inner: string) => at(`out-${name}/${inner}`)
    await it.ok('cp', `${name}:/data/one`, out('first'))
    expect(fs.readFileSync(out('first'), 'utf8')).toBe('one\n')
    expect(fs.statSync(out('first')).mode & 0o777).toBe(0o751)
    await it.ok('cp', `${name}:/data`, out('copy'))
    expect(fs.readFileSync(out('copy/deep/two'), 'utf8')).toBe('two\n')
    expect(fs.statSync(out('copy/same')).ino).toBe(fs.statSync(out('copy/one')).ino)
    expect(fs.readlinkSync(out('copy/up'))).toBe('deep/two')
    await it.ok('cp', `${name}:/data/.`, out('.'))
    expect(fs.readFileSync(out('deep/two'), 'utf8')).toBe('two\n')
    await it.ok('cp', `${name}:/volume/f`, out('kept'))
    await it.ok('cp', `${name}:/bound/f`, out('bound'))
    expect(fs.readFileSync(out('kept'), 'utf8') + fs.readFileSync(out('bound'), 'utf8')).toBe('kept\nbound\n')
  })

  test.each(BOTH)('links are copied as links, and followed with -L, in a %s container', async (name) => {
    await it.ok('cp', `${name}:/link`, at(`link-${name}`))
    expect(fs.readlinkSync(at(`link-${name}`))).toBe('/data/one')
    await it.ok('cp', '-L', `${name}:/link`, at(`file-${name}`))
    expect(fs.readFileSync(at(`file-${name}`), 'utf8')).toBe('one\n')
    const head = await it.ask('HEAD', `/containers/${name}/archive?path=/link`)
    const stat = JSON.parse(Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString())
    expect(stat).toMatchObject({ name: 'link', linkTarget: '/data/one' })
    // A link, of which every bit of access is set, in Go's numbers.
    expect(stat.mode).toBe(2 ** 27 + 0o777)
  })

  test.each(BOTH)('files and folders go into a %s container, its volume and its bind', async (name) => {
    const source = at(`in-${name}`)
    fs.mkdirSync(path.join(source, 'inner'), { recursive: true })
    fs.writeFileSync(path.join(source, 'file'), 'from outside\n')
    fs.writeFileSync(path.join(source, 'inner/run'), 'run\n', { mode: 0o750 })
    await it.ok('cp', source, `${name}:/arrived`)
    await it.ok('cp', `${source}/.`, `${name}:/volume`)
    await it.ok('cp', `${source}/file`, `${name}:/bound/given`)
    // Through a link to a folder, and over a file that is there.
    await it.ok('cp', `${source}/file`, `${name}:/folder/one`)
    if (name === 'stopped') await it.ok('start', name)
    expect(
      await shell(
        name,
        'cat /arrived/file /arrived/inner/run /volume/file /bound/given /data/one; stat -c %a /arrived/inner/run',
      ),
    ).toBe('from outside\nrun\nfrom outside\nfrom outside\nfrom outside\n750\n')
    expect(fs.readFileSync(at('bound/given'), 'utf8')).toBe('from outside\n')
    if (name === 'stopped') {
      await it.ok('kill', name)
      await it.ok('wait', name)
    }
  })

  test('`-` is a tar on stdout or stdin', async () => {
    const child = spawn('sh', [
      '-c',
      `docker --host unix://${it.engine.config.socket} cp running:/data/deep - | tar -t`,
    ])
    let listing = ''
    for await (const chunk of child.stdout) listing += String(chunk)
    expect(listing).toBe('deep/\ndeep/two\n')
    const tar = await buildTar([{ name: 'by-tar', content: Buffer.from('tar\n'), uid: 1000, gid: 2000 }])
    const sent = await it.docker(['cp', '-', 'running:/tmp'], tar)
    expect(sent).toMatchObject({ code: 0 })
    expect(await shell('running', 'cat /tmp/by-tar; stat -c %u:%g /tmp/by-tar')).toBe('tar\n1000:2000\n')
  })

  test.each(['gzip', 'zstd', 'bzip2', 'xz'])('a tar that %s has compressed is inflated', async (tool) => {
    fs.writeFileSync(at('plain.tar'), await buildTar([{ name: `by-${tool}`, content: Buffer.from('small\n') }]))
    let packed: Buffer
    try {
      packed = execFileSync(tool, ['-c', at('plain.tar')], { stdio: ['ignore', 'pipe', 'ignore'] })
    } catch {
      return
    }
    expect(await put('running', '/tmp', packed)).toEqual({ status: 200, message: '' })
    expect(await shell('running', `cat /tmp/by-${tool}`)).toBe('small\n')
  })

  test("with -a the files become those of the container's user", async () => {
    await it.ok(
      'create',
      '--name',
      'anns',
      '--user',
      'ann',
      '--network',
      'none',
      'test/box:1',
      'sh',
      '-c',
      'stat -c %u:%g /tmp/mine',
    )
    fs.writeFileSync(at('mine'), 'mine')
    await it.ok('cp', '-a', at('mine'), 'anns:/tmp/mine')
    expect(await it.ok('start', '-a', 'anns')).toBe('1000:1000\n')
    await it.ok('rm', 'anns')
  })

  test('what is missing, read-only, or of another kind is said in words', async () => {
    const missing = await it.docker(['cp', 'running:/nosuch', at('x')])
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/Could not find the file \/nosuch in container [0-9a-f]{64}/)
    expect((await it.docker(['cp', 'nosuch:/x', at('x')])).stderr).toContain('No such container: nosuch')
    expect(await put('running', '/nosuch', await buildTar([]))).toMatchObject({ status: 404 })
    expect(await put('running', '/data/deep/two', await buildTar([]))).toEqual({
      status: 400,
      message: 'extraction point is not a directory',
    })
    const overFolder = await buildTar([{ name: 'deep', content: Buffer.from('file') }])
    expect((await put('running', '/data', overFolder, '&noOverwriteDirNonDir=1')).message).toContain(
      'cannot overwrite directory "/data/deep" with non-directory "deep"',
    )
    await it.ok(
      'run',
      '-d',
      '--name',
      'fixed',
      '--read-only',
      '-v',
      'running:/ro:ro',
      '-v',
      'loose:/rw',
      '--network',
      'none',
      'test/box:1',
      'sleep',
      '60',
    )
    const one = await buildTar([{ name: 'new', content: Buffer.from('x') }])
    expect((await put('fixed', '/tmp', one)).message).toBe('container rootfs is marked read-only')
    expect((await put('fixed', '/ro', one)).message).toBe('mounted volume is marked read-only')
    expect(await put('fixed', '/rw', one)).toMatchObject({ status: 200 })
    await it.ok('rm', '-f', 'fixed')
  })

  test('a tar that names what is outside, or breaks off, is refused', async () => {
    for (const name of ['../../escaped', 'a/../../escaped']) {
      const tar = await buildTar([{ name, content: Buffer.from('x') }])
      expect(await put('running', '/data', tar), name).toMatchObject({
        status: 400,
        message: expect.stringContaining('outside'),
      })
    }
    const whole = await buildTar([{ name: 'half', content: Buffer.alloc(100_000) }])
    expect((await put('running', '/tmp', whole.subarray(0, 50_000))).message).toContain('cut short')
    expect((await put('running', '/tmp', Buffer.alloc(1000, 'x'))).status).toBe(400)
    // An absolute name, and a link to the root of the host, stay inside.
    await shell('running', 'ln -s / /data/top')
    const mark = `mark-${process.pid}`
    const inside = await buildTar([{ name: `top/tmp/${mark}`, content: Buffer.from('in\n') }])
    expect(await put('running', '/data', inside)).toMatchObject({ status: 200 })
    expect(await shell('running', `cat /tmp/${mark}`)).toBe('in\n')
    expect(fs.existsSync(`/tmp/${mark}`)).toBe(false)
  })

  test('files of the kernel are none of the container', async () => {
    expect((await it.docker(['cp', 'running:/proc/self/status', at('x')])).stderr).toContain('Could not find the file')
    expect((await put('running', '/proc/sys/kernel', await buildTar([]))).status).toBe(404)
  })

  test('nothing is read or written outside while a process swaps folders for links', async () => {
    const secret = path.join(work, 'secret')
    fs.mkdirSync(path.join(secret, 'sub'), { recursive: true })
    fs.writeFileSync(path.join(secret, 'sub/file'), 'of the host\n')
    // The same path, made in the container: where a link leads inside it.
    const swap = `mkdir -p ${secret}/sub /race/real/sub; echo "of the container" > ${secret}/sub/file; echo real > /race/real/sub/file; cp -r /race/real /race/target 2>/dev/null; while true; do mv /race/target /race/away; ln -s ${secret} /race/target; rm /race/target; mv /race/away /race/target; done`
    const id = (
      await it.ok(
        'run',
        '-d',
        '--network',
        'none',
        'test/box:1',
        'sh',
        '-c',
        swap.replace('cp -r /race/real /race/target', 'mv /race/real /race/target'),
      )
    ).trim()
    const tar = await buildTar([
      { name: 'sub/planted', content: Buffer.from('planted\n') },
      { name: 'sub/file', content: Buffer.from('replaced\n') },
    ])
    const seen = new Set<string>()
    for (let round = 0; round < 25; round += 1) {
      const [answer] = await Promise.all([
        get(id, '/race/target/sub/file'),
        put(id, '/race/target', tar).catch(() => null),
      ])
      if (answer.status === 200)
        seen.add(
          answer.body
            .subarray(512, 512 + 20)
            .toString('latin1')
            .split('\n')[0] ?? '',
        )
      const folder = await get(id, '/race')
      if (folder.status === 200) expect(folder.body.includes('of the host')).toBe(false)
    }
    await it.ok('rm', '-f', id)
    expect([...seen].filter((text) => text.includes('host'))).toEqual([])
    expect(seen.size).toBeGreaterThan(0)
    expect(fs.readdirSync(path.join(secret, 'sub'))).toEqual(['file'])
    expect(fs.readFileSync(path.join(secret, 'sub/file'), 'utf8')).toBe('of the host\n')
  })

  test('diff tells what was added, changed and removed, and not what the engine made', async () => {
    await it.ok(
      'run',
      '--name',
      'differs',
      '--network',
      'none',
      '-v',
      '/mounted',
      'test/box:1',
      'sh',
      '-c',
      'echo x > /etc/new; echo y >> /etc/group; rm /etc/passwd /bin/yes; mkdir -p /a/b; touch /a/b/c; chmod 700 /tmp',
    )
    expect((await it.ok('diff', 'differs')).trim().split('\n').sort()).toEqual(
      [
        'A /a',
        'A /a/b',
        'A /a/b/c',
        'A /etc/new',
        'A /mounted',
        'C /bin',
        'C /etc',
        'C /etc/group',
        'C /tmp',
        'D /bin/yes',
        'D /etc/passwd',
      ].sort(),
    )
    await it.ok('create', '--name', 'same', 'test/box:1', 'true')
    expect(await it.ok('diff', 'same')).toBe('')
    await it.ok('rm', 'differs', 'same')
  })

  test.each(BOTH)('export is the whole root of a %s container without its volumes', async (name) => {
    await it.ok('export', '--output', at(`${name}.tar`), name)
    const names = execFileSync('tar', ['-tf', at(`${name}.tar`)])
      .toString()
      .split('\n')
    for (const wanted of ['bin/busybox', 'etc/passwd', 'data/deep/two', 'volume/']) expect(names).toContain(wanted)
    for (const other of ['volume/f', 'bound/f', 'proc/1/', 'dev/null']) expect(names).not.toContain(other)
  })

  test('what is copied out stops at a client that does not read', async () => {
    await shell('running', 'dd if=/dev/zero of=/data/big bs=1M count=200 2>/dev/null')
    const before = process.memoryUsage().rss
    const request = http.get({
      socketPath: it.engine.config.socket,
      path: '/containers/running/archive?path=/data/big',
    })
    const response = await new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve))
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
    response.destroy()
    await shell('running', 'rm /data/big')
  })

  const put = (id: string, folder: string, body: Buffer, more = '') =>
    send('PUT', `/containers/${id}/archive?path=${encodeURIComponent(folder)}${more}`, body).then(
      ({ status, body: text }) => ({
        status,
        message: status === 200 ? '' : String((JSON.parse(text.toString()) as { message: string }).message),
      }),
    )
  const get = (id: string, inner: string) => send('GET', `/containers/${id}/archive?path=${encodeURIComponent(inner)}`)
  const send = (method: string, target: string, body?: Buffer): Promise<{ status: number; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const request = http.request({ socketPath: it.engine.config.socket, method, path: target }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }))
      })
      request.on('error', reject)
      request.end(body)
    })
})
