import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { digestOf } from '../../engine/lib/digest.ts'
import { buildDockerArchive, buildTar } from '../fixtures/archives.ts'
import { busyboxArchive, dockerOn, hasDocker } from '../helpers/docker.ts'
import { startEngine, type TestEngine, waitUntil } from '../helpers/engine.ts'
import {
  type FaultyProxy,
  hasRegistry,
  LOGIN,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../helpers/registry.ts'

const why = !hasDocker ? 'there is no docker command' : hasRegistry ? '' : 'there is no docker-registry or skopeo'
if (why) process.stderr.write(`registry skipped: ${why}\n`)

describe.skipIf(why !== '')('images and registries', () => {
  let engine: TestEngine
  let registry: TestRegistry
  let guarded: TestRegistry
  let proxy: FaultyProxy
  let docker: ReturnType<typeof dockerOn>
  const base = mkdtempSync(path.join(os.tmpdir(), 'slrt-'))
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  const skopeo = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('skopeo', args, { encoding: 'utf8' })
    expect({ status, stderr }).toMatchObject({ status: 0 })
    return stdout
  }
  /** Content on disk, and whether some of it is half-made. */
  const stored = () => {
    const folders = ['blobs/sha256', 'layers', 'tmp'].map((name) => path.join(engine.config.root, name))
    return folders.flatMap((folder) => {
      try {
        return readdirSync(folder)
      } catch {
        return []
      }
    })
  }
  const load = async (tag: string, archive: Buffer) => {
    const file = path.join(base, 'load.tar')
    writeFileSync(file, archive)
    await ok('load', '--quiet', '--input', file)
    return tag
  }
  const forget = async (...tags: string[]) => void (await docker(['rmi', '--force', ...tags]))

  beforeAll(async () => {
    engine = await startEngine()
    await engine.engine.listen()
    docker = dockerOn(engine.config.socket)
    registry = await startRegistry()
    guarded = await startRegistry({ auth: true })
    proxy = await startFaultyProxy(registry)
    await load('box:1', await busyboxArchive(['box:1']))
    await load('big:1', await bigArchive())
    for (const name of ['box:1', 'big:1']) {
      await ok('tag', name, `${registry.host}/fleet/${name}`)
      await ok('push', '--quiet', `${registry.host}/fleet/${name}`)
    }
    await forget(`${registry.host}/fleet/big:1`, 'big:1')
  }, 60_000)
  afterEach(() => {
    proxy.fault = () => false
    proxy.requests.length = 0
  })
  afterAll(async () => {
    await engine?.destroy()
    for (const one of [proxy, registry, guarded]) await one?.stop()
    rmSync(base, { recursive: true, force: true })
  })

  test('what was pushed is pulled again, byte for byte, and runs', async () => {
    const name = `${registry.host}/fleet/box:1`
    const id = await ok('inspect', '--format', '{{.Id}}', name)
    const digest = await ok('inspect', '--format', '{{index .RepoDigests 0}}', name)
    await ok('rmi', '--force', 'box:1', name)
    const said = await ok('pull', name)
    expect(said).toContain(`Status: Downloaded newer image for ${name}`)
    expect(said).toContain(digest.trim().split('@')[1])
    expect(await ok('inspect', '--format', '{{.Id}}', name)).toBe(id)
    expect(await ok('run', '--rm', name, 'echo', 'afloat')).toBe('afloat\n')
    expect(await ok('pull', name)).toContain(`Status: Image is up to date for ${name}`)
    await ok('pull', '--quiet', digest.trim())
  })

  test('a pull and a push are told of the name that they are of', async () => {
    const name = `${registry.host}/fleet/box:1`
    const since = String(Date.now() / 1000)
    await ok('push', '--quiet', name)
    await ok('pull', '--quiet', name)
    const format = '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}'
    const until = String(Date.now() / 1000)
    const told = await ok('events', '--since', since, '--until', until, '--format', format)
    const repository = `${registry.host}/fleet/box`
    expect(told).toBe(`push ${name} ${repository}\npull ${name} ${repository}\n`)
  })

  test('a digest is removed by itself while the image has a tag, and as the last name with the image', async () => {
    const name = `${registry.host}/fleet/box:1`
    const [digest = ''] = (await ok('inspect', '--format', '{{index .RepoDigests 0}}', name)).trim().split('\n')
    expect(await ok('rmi', digest)).toBe(`Untagged: ${digest}\n`)
    expect(await ok('inspect', '--format', '{{.RepoTags}} {{.RepoDigests}}', name)).toBe(`[${name}] []\n`)
    await ok('rmi', name)
    await ok('pull', '--quiet', digest)
    expect(await ok('rmi', digest)).toMatch(new RegExp(`^Untagged: ${digest}\nDeleted: sha256:`))
    expect((await docker(['inspect', digest])).code).toBe(1)
    await ok('pull', '--quiet', name)
  })

  test('skopeo reads what we push with the same digest, and we read what skopeo pushes', async () => {
    const name = `${registry.host}/fleet/box`
    const digest = (await ok('inspect', '--format', '{{index .RepoDigests 0}}', `${name}:1`)).trim().split('@')[1]
    const seen = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}:1`)) as { Digest: string }
    expect(seen.Digest).toBe(digest)
    const archive = path.join(base, 'skopeo.tar')
    const tls = ['--insecure-policy', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false']
    skopeo(...tls, `docker://${name}:1`, `oci-archive:${archive}:copy`)
    skopeo(...tls, `oci-archive:${archive}:copy`, `docker://${registry.host}/skopeo/box:2`)
    await ok('pull', '--quiet', `${registry.host}/skopeo/box:2`)
    expect(await ok('run', '--rm', `${registry.host}/skopeo/box:2`, 'echo', 'aboard')).toBe('aboard\n')
  })

  test('an index leads to the image of this platform, or of the one that is asked for', async () => {
    const repository = `${registry.host}/fleet/box`
    const at = (rest: string) => `http://${registry.host}/v2/fleet/box/${rest}`
    const put = async (what: string, mediaType: string, document: object) => {
      const body = JSON.stringify(document)
      const answer = await fetch(at(`manifests/${what}`), {
        method: 'PUT',
        headers: { 'content-type': mediaType },
        body,
      })
      expect(answer.status).toBe(201)
      return { mediaType, digest: digestOf(Buffer.from(body)), size: body.length }
    }
    const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'
    const answer = await fetch(at('manifests/1'), { headers: { accept } })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const manifest = JSON.parse(`${bytes}`) as { mediaType: string; config: { digest: string; size: number } }
    const mediaType = answer.headers.get('content-type') ?? ''
    const ours = { mediaType, digest: digestOf(bytes), size: bytes.length }
    const config = (await (await fetch(at(`blobs/${manifest.config.digest}`))).json()) as { architecture: string }
    // The same layers under a config that says that they are of another machine.
    const foreign = Buffer.from(JSON.stringify({ ...config, architecture: 's390x' }))
    const begun = await fetch(at('blobs/uploads/'), { method: 'POST' })
    const upload = new URL(begun.headers.get('location') ?? '')
    upload.searchParams.set('digest', digestOf(foreign))
    const headers = { 'content-type': 'application/octet-stream' }
    expect((await fetch(upload, { method: 'PUT', headers, body: foreign })).status).toBe(201)
    const theirs = await put('foreign', mediaType, {
      ...manifest,
      config: { ...manifest.config, digest: digestOf(foreign), size: foreign.length },
    })
    const index = await put('every', 'application/vnd.oci.image.index.v1+json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        { ...theirs, platform: { os: 'linux', architecture: 's390x' } },
        { ...ours, platform: { os: 'linux', architecture: config.architecture } },
      ],
    })
    expect(await ok('pull', `${repository}:every`)).toContain(`Digest: ${index.digest}`)
    expect(await ok('inspect', '--format', '{{.Id}} {{.RepoDigests}}', `${repository}:every`)).toMatch(
      new RegExp(`^${manifest.config.digest} .*${repository}@${index.digest}`),
    )
    expect(await ok('run', '--rm', `${repository}:every`, 'echo', 'ours')).toBe('ours\n')
    await ok('pull', '--quiet', '--platform', 'linux/s390x', `${repository}:every`)
    const now = await ok('inspect', '--format', '{{.Id}} {{.Architecture}}', `${repository}:every`)
    expect(now).toBe(`${digestOf(foreign)} s390x\n`)
    await forget(`${repository}:every`)
    const { stderr } = await docker(['pull', '--platform', 'linux/ppc64le', `${repository}:every`])
    expect(stderr).toContain('no matching manifest for linux/ppc64le')
  })

  test('every tag of a repository comes with --all-tags', async () => {
    const name = `${registry.host}/many/box`
    for (const tag of ['a', 'b', 'c']) {
      await ok('tag', `${registry.host}/fleet/box:1`, `${name}:${tag}`)
      await ok('push', '--quiet', `${name}:${tag}`)
      await ok('rmi', `${name}:${tag}`)
    }
    await ok('pull', '--quiet', '--all-tags', name)
    const listed = (await ok('images', '--format', '{{.Tag}}', name)).trim().split('\n')
    expect(listed.sort()).toEqual(['a', 'b', 'c'])
  })

  test('every local tag of a repository goes with a push of --all-tags', async () => {
    const name = `${registry.host}/fleets/box`
    for (const tag of ['a', 'b']) await ok('tag', `${registry.host}/fleet/box:1`, `${name}:${tag}`)
    await ok('tag', `${registry.host}/fleet/box:1`, `${name}-other:c`)
    const said = await ok('push', '--all-tags', name)
    expect(said).toMatch(/^The push refers to repository \[.*\/fleets\/box\]\n[\s\S]*\na: digest: [\s\S]*\nb: digest: /)
    expect(JSON.parse(skopeo('list-tags', '--tls-verify=false', `docker://${name}`)).Tags.sort()).toEqual(['a', 'b'])
    await forget(`${name}:a`, `${name}:b`, `${name}-other:c`)
    const { code, stderr } = await docker(['push', '--all-tags', name])
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`with the tag: ${name}`) })
  })

  test('a push to a sister repository mounts the layers instead of sending them', async () => {
    const name = `${registry.host}/sister/box:1`
    await ok('tag', `${registry.host}/fleet/box:1`, name)
    expect(await ok('push', name)).toContain('Mounted from another repository')
  })

  test('a registry with a password wants a login, and takes the right one', async () => {
    const name = `${guarded.host}/crew/box:1`
    await ok('tag', `${registry.host}/fleet/box:1`, name)
    expect((await docker(['push', name])).stderr).toContain('no basic auth credentials')
    const config = path.join(base, 'docker')
    mkdirSync(config, { recursive: true })
    const own = (args: readonly string[], input = '') => docker(['--config', config, ...args], input)
    const login = ['login', '--username', LOGIN.username, '--password-stdin', guarded.host]
    expect(await own(login, 'wrong')).toMatchObject({ code: 1, stderr: expect.stringContaining('401') })
    expect(await own(login, LOGIN.password)).toMatchObject({ code: 0, stdout: expect.stringContaining('Succeeded') })
    expect(await own(['push', '--quiet', name])).toMatchObject({ code: 0 })
    await ok('rmi', name)
    expect(await own(['pull', '--quiet', name])).toMatchObject({ code: 0, stdout: `${name}\n` })
    expect(readFileSync(path.join(config, 'config.json'), 'utf8')).toContain(guarded.host)
    const search = ['search', '--format', '{{.Name}}', `${guarded.host}/bo`]
    expect(await own(search)).toMatchObject({ code: 0, stdout: `${guarded.host}/crew/box\n` })
  })

  test('a download that is cut goes on where it ended', async () => {
    const name = `${proxy.host}/fleet/big:1`
    let cuts = 0
    const ranges: string[] = []
    proxy.fault = async (request, response, upstream) => {
      if (!request.url?.includes('/blobs/') || request.method !== 'GET') return false
      if (request.headers.range) ranges.push(request.headers.range)
      if (cuts >= 2) return false
      const answer = await upstream()
      if (Number(answer.headers['content-length']) < 1_000_000) {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
        return true
      }
      cuts += 1
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      let sent = 0
      for await (const chunk of answer) {
        response.write(chunk)
        sent += (chunk as Buffer).length
        if (sent > 500_000) break
      }
      response.destroy()
      return true
    }
    await ok('pull', '--quiet', name)
    expect(cuts).toBe(2)
    expect(ranges.length).toBeGreaterThanOrEqual(2)
    expect(ranges.every((range) => /^bytes=[1-9]\d*-/.test(range))).toBe(true)
    await forget(name)
  })

  test('an upload that is cut, and one that is answered 429 in its middle, come to their end', async () => {
    const name = `${proxy.host}/uploads/big:1`
    await load('big:1', await bigArchive())
    await ok('tag', 'big:1', name)
    const id = await ok('inspect', '--format', '{{.Id}}', name)
    const faults: string[] = []
    proxy.fault = async (request, response) => {
      if (request.method !== 'PATCH') return false
      const [, last = ''] = /^\d+-(\d+)$/.exec(request.headers['content-range'] ?? '') ?? []
      if (faults.length === 2 || Number(last) < 5_000_000) return false
      const isCut = faults.length === 0
      faults.push(isCut ? 'cut' : '429')
      const { url: path = '', method, headers } = request
      const onward = http.request({ host: '127.0.0.1', port: registry.port, path, method, headers })
      onward.on('error', () => undefined)
      request.on('error', () => undefined)
      let taken = 0
      request.on('data', (chunk: Buffer) => {
        if (taken > 1_000_000) return
        onward.write(chunk)
        taken += chunk.length
        if (taken <= 1_000_000) return
        // The registry has kept what came until here.
        setTimeout(() => {
          onward.destroy()
          if (isCut) response.destroy()
          else response.writeHead(429, { 'retry-after': '0' }).end()
        }, 200)
      })
      return true
    }
    await ok('push', '--quiet', name)
    expect(faults).toEqual(['cut', '429'])
    await forget(name, 'big:1')
    proxy.fault = () => false
    await ok('pull', '--quiet', name)
    expect(await ok('inspect', '--format', '{{.Id}}', name)).toBe(id)
    await forget(name)
  })

  test('a registry that is busy is asked again, when it says', async () => {
    let refused = 0
    proxy.fault = (_request, response) => {
      if (refused >= 3) return false
      refused += 1
      response.writeHead(refused === 2 ? 503 : 429, { 'retry-after': '0' }).end()
      return true
    }
    await ok('pull', '--quiet', `${proxy.host}/fleet/box:1`)
    expect(refused).toBe(3)
    await forget(`${proxy.host}/fleet/box:1`)
  })

  test('bytes of another digest are refused, and nothing of them is left', async () => {
    const before = stored()
    proxy.fault = async (request, response, upstream) => {
      if (!request.url?.includes('/blobs/') || request.method !== 'GET') return false
      const answer = await upstream()
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      const bytes = Buffer.concat(chunks)
      if (bytes.length > 100_000) bytes[70_000] = (bytes[70_000] ?? 0) ^ 1
      response.writeHead(answer.statusCode ?? 500, answer.headers).end(bytes)
      return true
    }
    const { code, stderr } = await docker(['pull', '--quiet', `${proxy.host}/fleet/big:1`])
    expect(code).toBe(1)
    expect(stderr).toMatch(/gave bytes of digest sha256:[0-9a-f]{64} for the blob sha256:/)
    await waitUntil(() => `${stored().sort()}` === `${before.sort()}`, 'the store as it was')
  })

  test('a manifest of another digest than was asked for is refused', async () => {
    const digest = JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/fleet/box:1`)).Digest
    proxy.fault = async (request, response, upstream) => {
      if (!request.url?.includes('/manifests/')) return false
      const answer = await upstream()
      const chunks: Buffer[] = []
      for await (const chunk of answer) chunks.push(chunk as Buffer)
      response.writeHead(200, { 'content-type': String(answer.headers['content-type']) })
      response.end(Buffer.concat([...chunks, Buffer.from('\n')]))
      return true
    }
    const { code, stderr } = await docker(['pull', '--quiet', `${proxy.host}/fleet/box@${digest}`])
    expect(code).toBe(1)
    expect(stderr).toContain('gave a manifest of digest')
  })

  test('credentials do not follow a redirect to another host', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = await startFaultyProxy(registry)
    elsewhere.fault = (request) => {
      seen.push(request.headers.authorization)
      return false
    }
    proxy.fault = (request, response) => {
      if (!request.headers.authorization) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="harbour"' }).end()
        return true
      }
      if (!request.url?.includes('/blobs/')) return false
      response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end()
      return true
    }
    const config = path.join(base, 'redirect')
    mkdirSync(config)
    const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
    writeFileSync(path.join(config, 'config.json'), JSON.stringify({ auths: { [proxy.host]: { auth } } }))
    expect(await docker(['--config', config, 'pull', '--quiet', `${proxy.host}/fleet/box:1`])).toMatchObject({
      code: 0,
    })
    await elsewhere.stop()
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.every((header) => header === undefined)).toBe(true)
    await forget(`${proxy.host}/fleet/box:1`)
  })

  test('two pulls of one image share the work', async () => {
    const name = `${proxy.host}/fleet/big:1`
    await Promise.all([ok('pull', '--quiet', name), ok('pull', '--quiet', name)])
    const blobs = proxy.requests.filter((line) => line.startsWith('GET') && line.includes('/blobs/'))
    const layers = blobs.filter((line, index) => blobs.indexOf(line) !== index)
    // The config is small and read by each; a layer is fetched once.
    expect(new Set(layers).size).toBeLessThanOrEqual(1)
    await forget(name)
  })

  test('a pull whose client goes away stops and leaves nothing', async () => {
    const before = stored()
    let held = 0
    proxy.fault = async (request, response, upstream) => {
      if (!request.url?.includes('/blobs/') || request.method !== 'GET') return false
      const answer = await upstream()
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      if (Number(answer.headers['content-length']) < 1_000_000) {
        answer.pipe(response)
        return true
      }
      held += 1
      answer.once('data', (chunk) => response.write(chunk))
      return true
    }
    const pulling = spawnPull(engine.config.socket, `${proxy.host}/fleet/big:1`)
    await waitUntil(() => held > 0, 'a layer on its way')
    pulling.kill('SIGINT')
    await waitUntil(() => `${stored().sort()}` === `${before.sort()}`, 'the store as it was')
  })

  test('what is not there is named', async () => {
    const { code, stderr } = await docker(['pull', `${registry.host}/no/such:1`])
    expect(code).toBe(1)
    expect(stderr).toContain(`manifest for ${registry.host}/no/such:1 not found`)
    expect(await ok('images', '--format', '{{.Repository}}', `${registry.host}/no/such`)).toBe('')
  })
})

const spawnPull = (socket: string, name: string) =>
  spawn('docker', ['--host', `unix://${socket}`, 'pull', name], { stdio: 'ignore' })

/** An image of three layers, two of them of some MB that do not compress. */
async function bigArchive(): Promise<Buffer> {
  const noise = (seed: number) => {
    const bytes = Buffer.alloc(6_000_000)
    for (let at = 0, state = seed; at < bytes.length; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      bytes.writeUInt32LE(state, at)
    }
    return bytes
  }
  const layers = await Promise.all([
    buildTar([{ name: 'a', content: noise(1) }]),
    buildTar([{ name: 'b', content: noise(2) }]),
    buildTar([{ name: 'c', content: 'small' }]),
  ])
  return buildDockerArchive(layers, { tags: ['big:1'] })
}
