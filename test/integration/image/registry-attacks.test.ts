import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/contract/errors.ts'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry, RegistryOptions } from '../../../engine/registry/registry.ts'
import { createClient } from '../../helpers/registry.ts'

const LOGIN = { username: 'sailor', password: 'hunter2' }
const BASIC = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`
const PLATFORM = { os: 'linux', architecture: 'amd64', isDemanded: false }
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const { signal } = new AbortController()

interface Seen {
  readonly server: string
  readonly method: string
  readonly url: string
  readonly authorization: string | undefined
  readonly body: string
}
type Answer = (seen: Seen, response: http.ServerResponse) => void

/** Registries and token servers that say what a test tells them to (bad inputs 7 to 10 and 25). */
describe('a registry that means harm', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-harm-'))
  const servers: http.Server[] = []
  const answers: Record<string, Answer> = {}
  let seen: Seen[] = []
  let host = ''
  let secureHost = ''
  let other = ''
  let registry: Registry

  const serve = (name: string, server: http.Server) => {
    server.on('request', async (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const { method = '', url = '', headers } = request
      const entry = {
        server: name,
        method,
        url,
        authorization: headers.authorization,
        body: `${Buffer.concat(chunks)}`,
      }
      seen.push(entry)
      answers[name]?.(entry, response)
    })
    servers.push(server)
    return new Promise<string>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as net.AddressInfo).port}`))
    })
  }
  const create = (more: Partial<RegistryOptions> = {}) => createClient(folder, { insecure: ['registry.test'], ...more })

  beforeAll(async () => {
    const file = (name: string) => path.join(folder, name)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key.pem')]
    const made = ['req', '-x509', ...key, '-days', '2', '-subj', '/CN=localhost', '-out', file('certificate.pem')]
    execFileSync('openssl', made, { stdio: 'ignore' })
    const pair = { key: readFileSync(file('key.pem')), cert: readFileSync(file('certificate.pem')) }
    host = await serve('registry', http.createServer())
    other = await serve('other', http.createServer())
    secureHost = await serve('secure', https.createServer(pair))
    registry = create()
  })
  beforeEach(() => {
    seen = []
    answers['other'] = (_, response) => response.writeHead(200).end('{}')
  })
  afterAll(async () => {
    await registry?.close()
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(folder, { recursive: true, force: true })
  })

  const open = (at = host, credentials: Parameters<Registry['open']>[1]['credentials'] = LOGIN) =>
    registry.open({ host: at, path: 'team/box' }, { access: 'pull', credentials })
  const resolve = async (at?: string) => (await open(at)).resolve('1', PLATFORM, signal)
  const ask = (realm: string, more = '') => ({ 'www-authenticate': `Bearer realm="${realm}",service="harbour"${more}` })
  const challenge = (realm: string, more?: string): Answer => {
    return (entry, response) => {
      if (entry.url === '/v2/' || !entry.authorization?.startsWith('Bearer good'))
        return void response.writeHead(401, ask(realm, more)).end()
      response.writeHead(404).end()
    }
  }
  const give = (manifest: string | Buffer, headers: http.OutgoingHttpHeaders = {}): Answer => {
    return ({ url }, response) => {
      if (!url.includes('/manifests/')) return void response.writeHead(200).end('{}')
      response.writeHead(200, { 'content-type': MANIFEST_TYPE, ...headers }).end(manifest)
    }
  }
  const passwords = () => seen.filter(({ authorization }) => authorization === BASIC).map(({ server }) => server)

  it('gets a token from its token server for what is asked alone, once for many requests', async () => {
    answers['registry'] = challenge(`http://${other}/token`, ',scope="repository:team/box:pull"')
    answers['other'] = (_, response) => response.writeHead(200).end('{"token":"good-1"}')
    const repository = await open()
    const tried = await Promise.allSettled(Array.from({ length: 5 }, () => repository.resolve('1', PLATFORM, signal)))
    expect(tried.map((one) => (one as PromiseRejectedResult).reason.code)).toEqual(Array(5).fill('notFound'))
    const asked = seen.filter(({ server }) => server === 'other')
    expect(asked.map(({ url }) => url)).toEqual(['/token?service=harbour&scope=repository%3Ateam%2Fbox%3Apull'])
    expect(passwords()).toEqual(['other'])
  })

  it('is asked as nobody when the credential helper for it took too long', async () => {
    const configFile = path.join(folder, 'config.json')
    writeFileSync(configFile, JSON.stringify({ credsStore: 'desktop' }))
    const failures: string[] = []
    const hangs = () => Promise.reject(new EngineError('deadline', 'process.failed', 'it took too long'))
    const own = create({ runHelper: hangs, onHelperFailure: (failure) => failures.push(failure) })
    answers['registry'] = (entry, response) =>
      entry.authorization === 'Bearer good-for-all'
        ? response.writeHead(200).end('{"name":"team/box","tags":["1"]}')
        : response.writeHead(401, ask(`http://${other}/token`)).end()
    answers['other'] = (_, response) => response.writeHead(200).end('{"token":"good-for-all"}')
    try {
      const repository = await own.open({ host, path: 'team/box' }, { access: 'pull' })
      expect(await repository.tags(signal)).toEqual(['1'])
      expect(failures).toEqual([expect.stringContaining('"desktop"')])
    } finally {
      await own.close()
      rmSync(configFile)
    }
  })

  it('trades an identity token for a token in a form, as an OAuth2 client', async () => {
    answers['registry'] = challenge(`http://${other}/token`)
    answers['other'] = (_, response) => response.writeHead(200).end('{"access_token":"good-2"}')
    const repository = await open(host, { identityToken: 'refresh-me' })
    await expect(repository.resolve('1', PLATFORM, signal)).rejects.toMatchObject({ code: 'notFound' })
    const form = new URLSearchParams(seen.find(({ server }) => server === 'other')?.body)
    expect(Object.fromEntries(form)).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'refresh-me' })
    expect(form.get('scope')).toBe('repository:team/box:pull')
  })

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://attacker.invalid/token',
    'file:///etc/passwd',
    '/token',
    '',
  ])('is refused the token server %j, and no password goes anywhere', async (realm) => {
    answers['registry'] = challenge(realm)
    await expect(resolve()).rejects.toMatchObject({ reason: 'registry.bad-realm' })
    expect(passwords()).toEqual([])
  })

  it('is refused a token server that is less safe than itself', async () => {
    answers['secure'] = challenge(`http://${other}/token`)
    await expect(resolve(secureHost)).rejects.toMatchObject({ reason: 'registry.bad-realm' })
    expect(seen.filter(({ server }) => server === 'other')).toEqual([])
  })

  it('gets no password to where its token server redirects', async () => {
    answers['registry'] = challenge(`http://${host}/token`)
    const outer = answers['registry'] as Answer
    answers['registry'] = (entry, response) =>
      entry.url.startsWith('/token')
        ? response.writeHead(307, { location: `http://${other}/collect` }).end()
        : outer(entry, response)
    await expect(resolve()).rejects.toMatchObject({ reason: 'registry.bad-token' })
    expect(seen.filter(({ server }) => server === 'other').map(({ authorization }) => authorization)).toEqual([
      undefined,
    ])
  })

  it('ends an endless 401 after one more try', async () => {
    answers['registry'] = (_, response) => response.writeHead(401, ask(`http://${other}/token`)).end()
    answers['other'] = (_, response) => response.writeHead(200).end('{"token":"never-good"}')
    await expect(resolve()).rejects.toMatchObject({ code: 'unauthorized' })
    expect(seen.filter(({ url }) => url.includes('/manifests/'))).toHaveLength(2)
  })

  it.each([
    ['is without end', `{"token":"good-${'x'.repeat(3_000_000)}"}`],
    ['would smuggle a header', '{"token":"good-\\r\\nx-evil: 1"}'],
    ['is none', '<html>'],
  ])('is given up when its token %s', async (_, text) => {
    answers['registry'] = challenge(`http://${other}/token`)
    answers['other'] = (_entry, response) => response.writeHead(200).end(text)
    await expect(resolve()).rejects.toMatchObject({ reason: 'registry.bad-token' })
  })

  it('leads nobody round in circles, nor from TLS to none', async () => {
    const circle: Answer = ({ url }, response) =>
      response.writeHead(url === '/v2/' ? 200 : 307, url === '/v2/' ? {} : { location: url }).end()
    answers['registry'] = circle
    await expect(resolve()).rejects.toMatchObject({ reason: 'registry.bad-redirect' })
    expect(seen.length).toBeLessThan(10)
    answers['secure'] = ({ url }, response) =>
      url === '/v2/' ? response.end() : response.writeHead(302, { location: `http://${other}${url}` }).end()
    await expect(resolve(secureHost)).rejects.toThrow('which is not encrypted')
    expect(seen.filter(({ server }) => server === 'other')).toEqual([])
  })

  it('gets no credentials to the place that it names for an upload', async () => {
    answers['registry'] = (entry, response) => {
      if (!entry.authorization) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      if (entry.method === 'HEAD') return void response.writeHead(404).end()
      response.writeHead(202, { location: `http://${other}/take` }).end()
    }
    answers['other'] = ({ method }, response) =>
      response.writeHead(method === 'PUT' ? 201 : 202, { location: `http://${other}/take` }).end()
    const bytes = Buffer.from('a layer')
    const blob = { digest: digestOf(bytes), size: bytes.length, mountFrom: [], signal, onProgress: () => undefined }
    expect(await (await open()).upload({ ...blob, source: { bytes } })).toBe('uploaded')
    const there = seen.filter(({ server }) => server === 'other')
    expect(there.map(({ authorization }) => authorization)).toEqual([undefined, undefined])
  })

  const config = { digest: `sha256:${'a'.repeat(64)}`, size: 2 }
  const manifest = (more: object) => JSON.stringify({ schemaVersion: 2, config, layers: [], ...more })
  const index = (digest: string) =>
    JSON.stringify({ manifests: [{ digest, size: 1, platform: { os: 'linux', architecture: 'amd64' } }] })
  it.each([
    ['that is an index too', manifest({ manifests: [] }), 'manifest.ambiguous'],
    ['of more than 4 MiB', Buffer.alloc(5 * 1024 * 1024, ' '), 'manifest.too-large'],
    ['nested without end', '['.repeat(1_000_000), /json|manifest/],
    [
      'that names a path as its config',
      manifest({ config: { ...config, digest: 'sha256:../../x' } }),
      'digest.invalid',
    ],
    [
      'with a digest in capitals',
      manifest({ layers: [{ digest: `sha256:${'A'.repeat(64)}`, size: 1 }] }),
      'digest.invalid',
    ],
    [
      'with a digest of an odd algorithm',
      manifest({ layers: [{ digest: `md5:${'a'.repeat(32)}`, size: 1 }] }),
      'digest.invalid',
    ],
    ['whose config is other bytes than it says', manifest({}), 'config.digest-mismatch'],
    ['that leads to a path', index('sha256:../../../etc'), 'digest.invalid'],
    ['that leads to another than is there', index(`sha256:${'b'.repeat(64)}`), 'manifest.digest-mismatch'],
  ])('is refused a manifest %s', async (_, text, reason) => {
    answers['registry'] = give(text)
    const expected = typeof reason === 'string' ? reason : expect.stringMatching(reason)
    await expect(resolve()).rejects.toMatchObject({ reason: expected })
  })

  it('is refused a manifest that is not what its own header says', async () => {
    answers['registry'] = give(manifest({}), { 'docker-content-digest': `sha256:${'c'.repeat(64)}` })
    await expect(resolve()).rejects.toMatchObject({ reason: 'manifest.digest-mismatch' })
  })

  /** Writes until nobody reads any more; `written` tells how much that was. */
  const pour = (response: http.ServerResponse, written: { bytes: number }) => {
    const chunk = Buffer.alloc(256 * 1024, ' ')
    const more = () => {
      while (!response.destroyed && written.bytes < 200_000_000) {
        written.bytes += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    more()
  }
  it.each([
    ['tags', '/v2/team/box/tags/list', async () => (await open()).tags(signal)],
    ['results', '/v1/search', () => registry.search({ term: `${host}/box`, limit: 5, signal })],
    ['a catalog', '/v2/_catalog', () => registry.search({ term: `${host}/box`, limit: 5, signal })],
  ])('is left when its answer of %s has no end', async (_, at, asked) => {
    const written = { bytes: 0 }
    answers['registry'] = ({ url }, response) => {
      if (url.startsWith(at)) return pour(response, written)
      response.writeHead(url === '/v2/' ? 200 : 404).end()
    }
    await expect(asked()).rejects.toThrow()
    expect(written.bytes).toBeGreaterThan(4_000_000)
    expect(written.bytes).toBeLessThan(50_000_000)
  })

  it('is searched by its index as the Hub is, over TLS, with a login where it wants one', async () => {
    const own = create()
    await own.logins.keep(secureHost, LOGIN)
    answers['secure'] = ({ url, authorization }, response) => {
      if (url === '/v2/') return void response.end()
      if (authorization !== BASIC) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      const results = [
        { name: 'box', description: null, star_count: 7, is_official: true },
        { name: 'team/box', description: 'of a team' },
      ]
      response.end(JSON.stringify({ num_results: 2, results }))
    }
    try {
      expect(await own.search({ term: `${secureHost}/a box`, limit: 5, signal })).toEqual([
        { name: `${secureHost}/box`, description: '', stars: 7, isOfficial: true },
        { name: `${secureHost}/team/box`, description: 'of a team', stars: 0, isOfficial: false },
      ])
      expect(seen.at(-1)?.url).toBe('/v1/search?q=a+box&n=5')
    } finally {
      await own.close()
    }
  })

  it.each([200, 400, 403, 503])('is searched by its catalog where its index answers %s with a page', async (status) => {
    answers['registry'] = ({ url }, response) => {
      if (url.startsWith('/v1/')) return void response.writeHead(status).end('<html>')
      response.end('{"repositories":["team/box","team/other"]}')
    }
    const found = await registry.search({ term: `${host}/box`, limit: 5, signal })
    expect(found.map(({ name }) => name)).toEqual([`${host}/team/box`])
  })

  it('is left when page upon page of its tags or of its catalog follows', async () => {
    let page = 0
    answers['registry'] = ({ url }, response) => {
      if (url === '/v2/') return void response.end()
      if (url.startsWith('/v1/')) return void response.writeHead(404).end()
      page += 1
      const names = Array.from({ length: 1000 }, (_, index) => `n${page}-${index}`)
      response.writeHead(200, { link: `</v2/team/box/tags/list?last=${page}>; rel="next"` })
      response.end(JSON.stringify({ tags: names, repositories: names }))
    }
    await expect((await open()).tags(signal)).rejects.toMatchObject({ reason: 'registry.too-many-tags' })
    expect(page).toBeLessThan(200)
    page = 0
    expect(await registry.search({ term: `${host}/box`, limit: 5, signal })).toEqual([])
    expect(page).toBe(100)
  })

  it.each([
    ['more', 10],
    ['fewer', 100],
  ])('is refused a blob of %s bytes than its descriptor says', async (_, size) => {
    const bytes = Buffer.alloc(50, 'x')
    answers['registry'] = (_entry, response) => response.writeHead(200).end(bytes)
    const file = path.join(folder, `blob-${size}`)
    const wanted = { digest: digestOf(bytes), size, file, signal, onProgress: () => undefined }
    await expect((await open()).download(wanted)).rejects.toMatchObject({ reason: 'blob.size-mismatch' })
  })

  it('is reached through the proxy of the environment, but for what that leaves out', async () => {
    const targets: string[] = []
    const proxy = http.createServer().on('connect', (request, socket) => {
      targets.push(request.url ?? '')
      const [address = '', port = ''] = host.split(':')
      const onward = net.connect(Number(port), address, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      for (const end of [onward, socket]) end.on('error', () => socket.destroy())
    })
    servers.push(proxy)
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
    const before = { ...process.env }
    Object.assign(process.env, { HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: 'inside.invalid' })
    const own = create()
    try {
      answers['registry'] = (_entry, response) => response.writeHead(200).end('{}')
      await own.checkLogin('registry.test', undefined, signal)
      expect(new Set(targets)).toEqual(new Set(['registry.test:443', 'registry.test:80']))
      targets.length = 0
      await own.checkLogin(host, undefined, signal)
      await expect(own.checkLogin('inside.invalid', undefined, signal)).rejects.toThrow()
      expect(targets).toEqual([])
    } finally {
      await own.close()
      process.env = before
    }
  })
})
