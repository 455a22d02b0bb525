import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLayout } from '../../engine/store/layout.ts'
import { buildConfig, buildDockerArchive, buildTar, type Entry } from '../fixtures/archives.ts'
import { busyboxLayer, hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const ANN = 'ann:x:1000:1000::/home/ann:/bin/sh\n'
const ROOT = 'root:x:0:0:root:/root:/bin/sh\n'
const MIB = 1024 * 1024

/** What an image holds is text of a stranger (bad inputs 18 to 20). */
describe.skipIf(!hasDocker)('an image that means harm', () => {
  let here: DockerTest
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-hostile-'))
  beforeAll(async () => {
    here = await startDocker()
  })
  afterAll(async () => {
    await here?.engine.destroy()
    rmSync(folder, { recursive: true, force: true })
  })

  const loadBytes = async (bytes: Buffer) => {
    const archive = path.join(folder, 'image.tar')
    writeFileSync(archive, bytes)
    return here.ok('load', '--input', archive)
  }
  /** Busybox with these on top of it, as `test/hostile:1`. */
  const load = async (entries: readonly Entry[], config: object = {}) => {
    const layers = [await busyboxLayer([], ['sh', 'cat', 'echo', 'id', 'true']), await buildTar(entries)]
    const built = buildConfig(layers, { config: { Cmd: ['/bin/sh'], ...config } })
    await loadBytes(await buildDockerArchive(layers, { tags: ['test/hostile:1'], config: built }))
  }
  const idOf = (user: string) => here.docker(['run', '--rm', '--user', user, 'test/hostile:1', 'id', '-u'])
  const passwd = (entry: Omit<Entry, 'name'>): Entry[] => [{ name: 'etc/passwd', ...entry }]

  const DEVICE = { type: 'character-device', devmajor: 1, devminor: 5 } as const
  test.each<[string, Omit<Entry, 'name'>]>([
    ['a fifo', { type: 'fifo' }],
    ['a folder', { type: 'directory' }],
    // A user's engine unpacks no devices.
    ...(process.getuid?.() === 0 ? [['a device', DEVICE] satisfies [string, Omit<Entry, 'name'>]] : []),
  ])('whose accounts are %s is refused before anything waits for them', async (_, entry) => {
    for (const name of ['etc/passwd', 'etc/group']) {
      await load([{ name, ...entry }])
      for (const user of ['ann', '7']) {
        const refused = await idOf(user)
        expect(refused.code).toBe(125)
        expect(refused.stderr).toContain(`/${name} of the image is no regular file`)
      }
    }
    expect(await here.ok('ps', '--all', '--quiet')).toBe('')
  })

  test('whose accounts are a link to itself has none', async () => {
    await load(passwd({ type: 'symlink', linkname: 'passwd' }))
    expect((await idOf('ann')).stderr).toContain('unable to find user ann')
    expect(await idOf('7')).toMatchObject({ code: 0, stdout: '7\n' })
  })

  test('whose accounts are a link is looked up in the image, never on this machine', async () => {
    const outside = path.join(folder, 'passwd')
    writeFileSync(outside, `${ROOT}mallory:x:666:666::/:/bin/sh\n`)
    for (const linkname of [outside, `../../../../../..${outside}`]) {
      await load(passwd({ type: 'symlink', linkname }))
      expect((await idOf('mallory')).stderr).toContain('unable to find user mallory')
    }
    await load([...passwd({ type: 'symlink', linkname: '/own/accounts' }), { name: 'own/accounts', content: ANN }])
    expect(await idOf('ann')).toMatchObject({ code: 0, stdout: '1000\n' })
  })

  test('whose accounts never end is read so far and no further', async () => {
    const filling = 'x:x:5:5::/:/bin/sh\n'.repeat((2 * MIB) / 19)
    await load(passwd({ content: `${ROOT}${ANN}${filling}late:x:2000:2000::/:/bin/sh\n` }))
    expect(await idOf('ann')).toMatchObject({ code: 0, stdout: '1000\n' })
    expect((await idOf('late')).stderr).toContain('unable to find user late')
    await load(passwd({ content: Buffer.alloc(64 * MIB, 'a') }))
    expect((await idOf('ann')).stderr).toContain('unable to find user ann')
  })

  test('that names an account like a number gives it to nobody, and no number is beyond the kernel’s', async () => {
    await load(passwd({ content: `${ROOT}1000:x:0:0::/root:/bin/sh\n4294967296:x:0:0::/root:/bin/sh\n` }))
    expect(await idOf('1000')).toMatchObject({ code: 0, stdout: '1000\n' })
    for (const user of ['4294967296', '4294967295', '2147483648']) {
      const refused = await idOf(user)
      expect(refused.code).toBe(125)
      expect(refused.stderr).toContain(`uids and gids must be in range 0-2147483647: ${user}`)
    }
    await load(passwd({ content: `${ROOT}big:x:4294967296:0::/:/bin/sh\n` }))
    expect((await idOf('big')).stderr).toContain('uids and gids must be in range')
  })

  test('says what it likes in its labels: they are shown, and change nothing of what runs', async () => {
    const labels = {
      'io.containers.capabilities': 'ALL',
      'io.kubernetes.cri-o.userns-mode': 'host',
      'org.opencontainers.runtime-spec.hooks': '{"prestart":[{"path":"/bin/sh"}]}',
      'cdi.k8s.io/device': 'vendor.com/device=all',
      'run.oci.handler': 'wasm',
      RUN: 'docker run --privileged --net host IMAGE',
      'com.docker.compose.project': '../../x',
      'line\nbreak': '$(touch /tmp/x)\u001b[2J',
    }
    const specOf = async (name: string) => {
      await here.ok('run', '--detach', '--name', name, '--hostname', 'same', 'test/hostile:1', 'cat', '/dev/zero')
      const one = JSON.parse(await here.ok('inspect', name))[0]
      const layout = createLayout(here.engine.config.root, here.engine.config.runtimeDir)
      const spec = readFileSync(path.join(layout.bundle(one.Id), 'config.json'), 'utf8').replaceAll(one.Id, 'ID')
      await here.ok('rm', '--force', name)
      return { spec: JSON.parse(spec), host: one.HostConfig, labels: one.Config.Labels }
    }
    await load([])
    const plain = await specOf('plain')
    await load([], { Labels: labels })
    const labelled = await specOf('labelled')
    expect(labelled.labels).toEqual(labels)
    expect(plain.labels).toEqual({})
    expect(labelled.host).toEqual(plain.host)
    expect(labelled.spec).toEqual(plain.spec)
  })

  test('cannot be told from a good one when it is imported: names are held to the rules', async () => {
    const archive = path.join(folder, 'root.tar')
    writeFileSync(archive, await busyboxLayer())
    for (const name of ['../up:1', 'Not/Small:1', 'a b', 'x:-1']) {
      const refused = await here.docker(['import', archive, name])
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toMatch(/invalid reference format|must be lowercase|invalid/)
    }
    const direct = await here.ask('POST', '/images/create?fromSrc=-&repo=..%2Fup&tag=1')
    expect(direct.status).toBe(400)
  })
})
