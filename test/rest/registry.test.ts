import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { hasRegistry, REGISTRY_USER, startRegistry, type TestRegistry } from '../helpers/registry.ts'
import { listStore } from '../helpers/store.ts'

const isReady = hasDocker && hasRegistry
if (!isReady) process.stderr.write('rest skipped: docker or docker-registry is missing\n')
const hasSkopeo = spawnSync('skopeo', ['--version']).status === 0

describe.skipIf(!isReady)('pull and push by the stock docker command against a real registry', () => {
  let here: DockerTest
  let open: TestRegistry
  let closed: TestRegistry
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-docker-config-'))
  const ok = (...args: string[]) => here.ok(...args)
  const layoutOf = () => {
    const { root } = here.engine.config
    return {
      blobs: path.join(root, 'blobs/sha256'),
      layers: path.join(root, 'layers'),
      images: path.join(root, 'images'),
      temporary: path.join(root, 'tmp'),
    }
  }

  beforeAll(async () => {
    process.env['DOCKER_CONFIG'] = folder
    here = await startDocker()
    ;[open, closed] = await Promise.all([startRegistry(), startRegistry({ auth: true })])
  })
  afterAll(async () => {
    delete process.env['DOCKER_CONFIG']
    await here?.engine.destroy()
    await Promise.all([open?.close(), closed?.close()])
    rmSync(folder, { recursive: true, force: true })
  })

  test('an image goes to a registry and comes back with the same digest, and runs', async () => {
    const name = `${open.host}/team/box:1`
    await ok('tag', 'test/box:1', name)
    const pushed = await ok('push', name)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1] ?? ''
    expect(digest).not.toBe('')
    expect(await ok('push', name)).toContain('Layer already exists')
    await ok('rmi', '--force', 'test/box:1', name)
    const pulled = await ok('pull', name)
    expect(pulled).toContain(`Digest: ${digest}\nStatus: Downloaded newer image for ${name}\n`)
    expect(pulled).toContain('Pull complete')
    expect(await ok('run', '--rm', name, 'echo', 'here')).toBe('here\n')
    expect(await ok('pull', name)).toContain(`Status: Image is up to date for ${name}\n`)
    expect(await ok('images', '--digests', '--format', '{{.Repository}} {{.Digest}}')).toContain(digest)
    await ok('tag', name, 'test/box:1')
    // A second push of what was pulled changes nothing.
    expect(await ok('push', name)).toContain(digest)
  })

  test('an image is pulled by its digest, and then has no tag', async () => {
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(await ok('push', `${open.host}/team/box:1`))?.[1]
    await ok('rmi', `${open.host}/team/box:1`)
    await ok('pull', `${open.host}/team/box@${digest}`)
    expect(await ok('run', '--rm', `${open.host}/team/box@${digest}`, 'echo', 'by digest')).toBe('by digest\n')
    await ok('pull', `${open.host}/team/box:1`)
  })

  test('layers are mounted from a sister repository instead of sent', async () => {
    await ok('tag', `${open.host}/team/box:1`, `${open.host}/other/box:1`)
    expect(await ok('push', `${open.host}/other/box:1`)).toContain('Mounted')
  })

  test('every tag of a repository is pulled with -a', async () => {
    for (const tag of ['a', 'b']) {
      await ok('tag', 'test/box:1', `${open.host}/many/box:${tag}`)
      await ok('push', `${open.host}/many/box:${tag}`)
      await ok('rmi', `${open.host}/many/box:${tag}`)
    }
    await ok('pull', '--all-tags', `${open.host}/many/box`)
    const listed = await ok('images', '--format', '{{.Repository}}:{{.Tag}}')
    expect(listed).toContain(`${open.host}/many/box:a`)
    expect(listed).toContain(`${open.host}/many/box:b`)
  })

  test('what is not there is a 404 that names it, and leaves nothing', async () => {
    const before = listStore(layoutOf())
    const missing = await here.docker(['pull', `${open.host}/team/nosuch:1`])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('team/nosuch:1 not found') })
    expect((await here.ask('POST', `/images/create?fromImage=${open.host}/team/nosuch&tag=1`)).status).toBe(404)
    const wrong = await here.docker(['pull', '--platform', 'linux/s390x', `${open.host}/team/box:1`])
    expect(wrong).toMatchObject({ code: 1 })
    expect(listStore(layoutOf())).toEqual(before)
  })

  test('the registry is asked what a name stands for', async () => {
    const { status, json } = await here.ask('GET', `/distribution/${open.host}/team/box:1/json`)
    expect(status).toBe(200)
    expect(json).toMatchObject({
      Descriptor: { digest: expect.stringMatching(/^sha256:/), size: expect.any(Number) },
      Platforms: [{ os: 'linux', architecture: 'amd64' }],
    })
  })

  test('a registry is searched by its catalog', async () => {
    expect(await ok('search', '--format', '{{.Name}}', `${open.host}/team`)).toBe(`${open.host}/team/box\n`)
  })

  test('login asks the registry; pull and push use what it keeps; logout forgets it', async () => {
    const name = `${closed.host}/team/box:1`
    await ok('tag', 'test/box:1', name)
    const refused = await here.docker(['push', name])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('no basic auth credentials') })
    const wrong = await here.docker(['login', '-u', 'ann', '--password-stdin', closed.host], 'wrong')
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('401') })
    const right = await here.docker(
      ['login', '-u', REGISTRY_USER.username, '--password-stdin', closed.host],
      REGISTRY_USER.password,
    )
    expect(right.code).toBe(0)
    expect(readFileSync(path.join(folder, 'config.json'), 'utf8')).toContain(closed.host)
    await ok('push', name)
    await ok('rmi', name)
    await ok('pull', name)
    await ok('logout', closed.host)
    const after = await here.docker(['pull', name])
    expect(after).toMatchObject({ code: 1, stderr: expect.stringContaining(`pull access denied for ${name}`) })
  })

  test.skipIf(!hasSkopeo)('skopeo reads what we push, and we read what skopeo pushes, by the same digest', async () => {
    const skopeo = (...args: string[]) => execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8' })
    const ours = `${open.host}/team/box:1`
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(await ok('push', ours))?.[1]
    expect(skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${ours}`).trim()).toBe(digest)
    const theirs = `${open.host}/skopeo/box:1`
    skopeo(
      'copy',
      '--preserve-digests',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${ours}`,
      `docker://${theirs}`,
    )
    expect(await ok('pull', theirs)).toContain(`Digest: ${digest}`)
    expect(await ok('run', '--rm', theirs, 'echo', 'from skopeo')).toBe('from skopeo\n')
  })
})
