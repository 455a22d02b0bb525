import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

const isRoot = process.getuid?.() === 0
const TMPFS = ['-o', 'type=tmpfs', '-o', 'device=tmpfs']

describe.skipIf(!hasDocker)('options of the local volume driver', () => {
  let it: DockerTest
  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  const keeperPid = () => readFileSync(path.join(it.engine.config.runtimeDir, 'keeper.pid'), 'utf8').trim()
  /** What is mounted on volumes, one line a mount, where the keeper mounts. */
  const mounted = () => {
    const volumes = path.join(it.engine.config.root, 'volumes')
    const lines = readFileSync(`/proc/${keeperPid()}/mountinfo`, 'utf8').split('\n')
    return lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${volumes}/`))
  }
  const folderOf = (name: string) => {
    const folder = path.join(it.engine.config.root, '..', name)
    mkdirSync(folder, { recursive: true })
    return folder
  }
  const bindOf = (folder: string, o = 'bind') => ['-o', 'type=none', '-o', `device=${folder}`, '-o', `o=${o}`]
  const run = async (name: string, volume: string) =>
    void (await it.ok('run', '-d', '--name', name, '-v', `${volume}:/v`, 'test/box:1', 'sleep', '1000'))

  test('a tmpfs has its size and owner, is one for all who use it, and goes with the last of them', async () => {
    await it.ok('volume', 'create', ...TMPFS, '-o', 'o=size=8m,uid=1000', 'fast')
    expect(JSON.parse(await it.ok('volume', 'inspect', '--format', '{{json .Options}}', 'fast'))).toEqual({
      type: 'tmpfs',
      device: 'tmpfs',
      o: 'size=8m,uid=1000',
    })
    expect(mounted()).toEqual([])
    await run('first', 'fast')
    await run('second', 'fast')
    expect(mounted()).toHaveLength(1)
    expect(await it.ok('exec', 'first', 'df', '-k', '/v')).toMatch(/^tmpfs\s+8192\s/m)
    expect(await it.ok('exec', 'first', 'stat', '-c', '%u', '/v')).toBe('1000\n')
    await it.ok('exec', 'first', 'touch', '/v/seen')
    await it.ok('rm', '--force', 'first')
    expect(await it.ok('exec', 'second', 'ls', '/v')).toBe('seen\n')
    expect(mounted()).toHaveLength(1)
    await it.ok('kill', 'second')
    await waitUntil(() => mounted().length === 0, 'the end of the mount')
    await it.ok('start', 'second')
    expect(await it.ok('exec', 'second', 'ls', '/v')).toBe('')
    await it.ok('rm', '--force', 'second')
    expect(mounted()).toEqual([])
    // What an image has there does not come back with every start, so it is not there at the first one either.
    const copied = await it.docker(['run', '--rm', '-v', 'fast:/etc', 'test/box:1', 'ls', '/etc/passwd'])
    expect(copied.stderr).toContain('No such file')
    await it.ok('volume', 'rm', 'fast')
  })

  test('many that start and end at once leave the mount to those that are left, and none at the end', async () => {
    await it.ok('volume', 'create', ...TMPFS, 'busy')
    await run('holder', 'busy')
    await it.ok('exec', 'holder', 'touch', '/v/kept')
    const once = () => it.ok('run', '--rm', '-v', 'busy:/v', 'test/box:1', 'ls', '/v')
    expect(await Promise.all(Array.from({ length: 6 }, once))).toEqual(Array(6).fill('kept\n'))
    expect(mounted()).toHaveLength(1)
    await it.ok('rm', '--force', 'holder')
    await Promise.all(Array.from({ length: 6 }, once))
    await waitUntil(() => mounted().length === 0, 'the end of the mount')
    await it.ok('volume', 'rm', 'busy')
  })

  test('a folder of this machine is shown, filled from the image at the first use, and stays when the volume goes', async () => {
    const folder = folderOf('shown')
    await it.ok('volume', 'create', ...bindOf(folder), 'shown')
    const list = ['run', '--rm', '-v', 'shown:/etc', 'test/box:1', 'ls', '/etc/passwd']
    expect(await it.ok(...list)).toBe('/etc/passwd\n')
    expect(readdirSync(folder)).toContain('passwd')
    writeFileSync(path.join(folder, 'own'), 'mine')
    expect(await it.ok('run', '--rm', '-v', 'shown:/v', 'test/box:1', 'cat', '/v/own')).toBe('mine')
    // Its files are no part of what the engine takes on the disk, and a prune would free nothing.
    expect(await it.ok('system', 'df', '-v', '--format', '{{json .Volumes}}')).toMatch(
      /"Name":"shown"[^}]*"Size":"-1B"/,
    )
    await it.ok('volume', 'prune', '--all', '--force')
    expect(await it.ok('volume', 'ls', '-q')).toBe('shown\n')
    expect(mounted()).toEqual([])
    await it.ok('volume', 'rm', 'shown')
    expect(readFileSync(path.join(folder, 'own'), 'utf8')).toBe('mine')
  })

  test('a folder that is bound read-only is not written to, and a copy into a container that rests reaches it otherwise', async () => {
    const folder = folderOf('fixed')
    await it.ok('volume', 'create', ...bindOf(folder, 'bind,ro'), 'fixed')
    const write = ['run', '--rm', '-v', 'fixed:/v', 'test/box:1', 'touch', '/v/a']
    expect((await it.docker(write)).stderr).toContain('Read-only file system')
    await it.ok('volume', 'create', ...bindOf(folder), 'open')
    await it.ok('create', '--name', 'resting', '-v', 'open:/v', 'test/box:1', 'true')
    const file = path.join(folder, '..', 'copied')
    writeFileSync(file, 'x')
    await it.ok('cp', file, 'resting:/v/copied')
    expect(readdirSync(folder)).toEqual(['copied'])
    expect(mounted()).toEqual([])
    await it.ok('rm', 'resting')
    await it.ok('volume', 'rm', 'fixed', 'open')
  })

  test('what is unknown or missing is refused by its name, and no volume is made', async () => {
    const refuse = async (...options: string[]) => {
      const { code, stderr } = await it.docker(['volume', 'create', ...options, 'odd'])
      expect(code).toBe(1)
      return stderr
    }
    expect(await refuse('-o', 'colour=red')).toContain('create odd: invalid option: "colour"')
    expect(await refuse('-o', 'type=tmpfs')).toContain('create odd: missing required option: "device"')
    expect(await refuse('-o', 'o=bind', '-o', 'device=/srv')).toContain('missing required option: "type"')
    const mount = 'type=volume,source=odd,target=/s,volume-opt=colour=red'
    expect((await it.docker(['create', '--mount', mount, 'test/box:1', 'true'])).stderr).toContain('"colour"')
    if (it.mode === 'rootless')
      expect(await refuse('-o', 'type=nfs', '-o', 'device=:/srv', '-o', 'o=addr=192.0.2.1')).toContain('without root')
    expect(await it.ok('volume', 'ls', '-q')).toBe('')
  })

  test('what cannot be mounted is said at the start, with type and device, and leaves nothing', async () => {
    const fail = async (...options: string[]) => {
      await it.ok('volume', 'create', ...options, 'bad')
      const { code, stderr } = await it.docker(['run', '--name', 'victim', '-v', 'bad:/v', 'test/box:1', 'true'])
      expect(code).toBeGreaterThanOrEqual(125)
      expect(mounted()).toEqual([])
      await it.ok('rm', 'victim')
      await it.ok('volume', 'rm', 'bad')
      return stderr
    }
    const missing = await fail(...bindOf('/no/such/folder'))
    expect(missing).toMatch(
      /error while mounting volume '.*bad\/_data': failed to mount local volume: mount \/no\/such/,
    )
    expect(missing).toContain('type: none, o: bind: no such file or directory')
    expect(await fail(...bindOf('some/folder'))).toContain('not an absolute path')
    expect(await fail(...TMPFS, '-o', 'o=size=many')).toContain('type: tmpfs, o: size=many: invalid argument')
    if (isRoot) {
      const odd = ['-o', 'type=odd', '-o', 'device=/dev/none', '-o', 'o=password=s3cret']
      expect(await fail(...odd)).toMatch(/mount \/dev\/none:.*type: odd, o: password=\*{8}: no such device/)
    }
  })

  test.skipIf(!isRoot)(
    'what is mounted below a folder is shown with rbind, and stays mounted there afterwards',
    async () => {
      const folder = folderOf('tree')
      const below = path.join(folder, 'below')
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder])
      try {
        execFileSync('mount', ['--make-shared', folder])
        mkdirSync(below)
        execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', below])
        writeFileSync(path.join(below, 'deep'), '')
        await it.ok('volume', 'create', ...bindOf(folder, 'rbind'), 'tree')
        expect(await it.ok('run', '--rm', '-v', 'tree:/v', 'test/box:1', 'ls', '/v/below')).toBe('deep\n')
        expect(mounted()).toEqual([])
        expect(readdirSync(below)).toEqual(['deep'])
        const part = 'type=volume,source=tree,target=/v,volume-subpath=below'
        expect(await it.ok('run', '--rm', '--mount', part, 'test/box:1', 'ls', '/v')).toBe('deep\n')
        await it.ok('volume', 'rm', 'tree')
        expect(readdirSync(below)).toEqual(['deep'])
      } finally {
        execFileSync('umount', ['--recursive', folder])
      }
    },
  )

  test.skipIf(!isRoot)('another file system is mounted as root', async () => {
    const options = `lowerdir=${folderOf('lower')}:${folderOf('lowest')}`
    writeFileSync(path.join(folderOf('lowest'), 'below'), '')
    await it.ok('volume', 'create', '-o', 'type=overlay', '-o', 'device=overlay', '-o', `o=${options}`, 'layered')
    expect(await it.ok('run', '--rm', '-v', 'layered:/v', 'test/box:1', 'ls', '/v')).toBe('below\n')
    expect(mounted()).toEqual([])
    await it.ok('volume', 'rm', 'layered')
  })

  test('an anonymous one of a request has its options too, and goes with its container', async () => {
    const mount = 'type=volume,target=/v,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=4m'
    const sized = ['run', '--rm', '--mount', mount, 'test/box:1', 'df', '-k', '/v']
    expect(await it.ok(...sized)).toMatch(/^tmpfs\s+4096\s/m)
    expect(await it.ok('volume', 'ls', '-q')).toBe('')
    expect(mounted()).toEqual([])
  })

  test('an engine and a keeper that come anew find what is mounted, mount nothing twice and take away what nobody uses', async () => {
    await it.ok('volume', 'create', ...TMPFS, 'lasting')
    await run('stays', 'lasting')
    await it.ok('exec', 'stays', 'touch', '/v/kept')
    await it.engine.restart()
    await it.engine.engine.listen()
    const before = keeperPid()
    process.kill(Number(before), 'SIGKILL')
    await waitUntil(() => keeperPid() !== before, 'a new keeper')
    await run('joins', 'lasting')
    expect(await it.ok('exec', 'joins', 'ls', '/v')).toBe('kept\n')
    expect(mounted()).toHaveLength(1)
    // They end while there is no engine.
    const pids = await it.ok('inspect', '--format', '{{.State.Pid}}', 'stays', 'joins')
    await it.engine.engine.close({ stopContainers: false })
    for (const pid of pids.trim().split('\n')) process.kill(Number(pid), 'SIGKILL')
    expect(mounted()).toHaveLength(1)
    await it.engine.restart()
    await it.engine.engine.listen()
    expect(mounted()).toEqual([])
    await it.ok('start', 'stays')
    expect(mounted()).toHaveLength(1)
    await it.engine.restart({ stopContainers: true })
    await it.engine.engine.listen()
    expect(mounted()).toEqual([])
    await it.ok('rm', 'stays', 'joins')
    await it.ok('volume', 'rm', 'lasting')
  })

  test.skipIf(!isRoot)('a mount that nobody uses any more is taken away at the next start', async () => {
    await it.ok('volume', 'create', ...TMPFS, 'left')
    const data = path.join(it.engine.config.root, 'volumes/left/_data')
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', data])
    expect(mounted()).toEqual([data])
    await it.engine.restart()
    await it.engine.engine.listen()
    expect(mounted()).toEqual([])
    await it.ok('volume', 'rm', 'left')
  })

  test.skipIf(!isRoot)(
    'a removal unmounts what is on a volume with options, and spares what somebody has bound to another',
    async () => {
      const folder = folderOf('precious')
      writeFileSync(path.join(folder, 'kept'), '')
      const dataOf = (name: string) => path.join(it.engine.config.root, 'volumes', name, '_data')
      await it.ok('volume', 'create', ...bindOf(folder), 'ours')
      execFileSync('mount', ['--bind', folder, dataOf('ours')])
      await it.ok('volume', 'rm', 'ours')
      expect(readdirSync(folder)).toEqual(['kept'])
      await it.ok('volume', 'create', 'theirs')
      execFileSync('mount', ['--bind', folder, dataOf('theirs')])
      expect((await it.docker(['volume', 'rm', 'theirs'])).stderr).toMatch(/_data is mounted; unmount it/)
      expect(readdirSync(folder)).toEqual(['kept'])
      const [point = ''] = mounted()
      execFileSync('umount', [point])
      await it.engine.restart()
      await it.engine.engine.listen()
      expect(readdirSync(path.join(it.engine.config.root, 'volumes'))).toEqual([])
    },
  )
})
