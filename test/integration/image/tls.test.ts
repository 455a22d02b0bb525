import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/contract/errors.ts'
import type { CertificatePlaces } from '../../../engine/lib/certificate-places.ts'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry } from '../../../engine/registry/registry.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { createClient, freePort, hasRegistry, LOGIN, startRegistry, type TestRegistry } from '../../helpers/registry.ts'

/** 127.0.0.1 in a form that is not taken for this machine's own: the exception for loopback does not hold for it. */
const MAPPED = '::ffff:7f00:1'

describe.skipIf(!hasRegistry)('a registry that speaks TLS and wants a login', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-tls-'))
  const file = (name: string) => path.join(folder, name)
  const signal = new AbortController().signal
  let closed: TestRegistry
  /** One that knows its clients by their certificates. */
  let strict: TestRegistry
  const made: Registry[] = []
  const connect = (insecure: readonly string[] = [], system: Partial<CertificatePlaces> = {}) => {
    const certificates = { bundles: [], folders: [], registryFolders: [folder], ...system }
    const registry = createClient(folder, { insecure, certificates })
    made.push(registry)
    return registry
  }
  const issue = (name: string, ...more: readonly string[]) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${name}.key`)]
    const made = ['req', '-x509', ...key, '-days', '2', '-subj', `/CN=${name}`, '-out', file(`${name}.pem`), ...more]
    execFileSync('openssl', made, { stdio: 'ignore' })
  }
  /** What a person puts down for a registry, in a folder of its own that holds `certs.d`. */
  const putDown = (host: string, files: Readonly<Record<string, string>>) => {
    const place = mkdtempSync(file('own-'))
    mkdirSync(path.join(place, 'certs.d', host), { recursive: true })
    for (const [name, from] of Object.entries(files)) copyFileSync(file(from), path.join(place, 'certs.d', host, name))
    return { registryFolders: [place] }
  }

  beforeAll(async () => {
    for (const name of ['server', 'other', 'sailor'])
      issue(name, '-addext', `subjectAltName=IP:${MAPPED},DNS:localhost`)
    const tls = { certificate: file('server.pem'), key: file('server.key') }
    closed = await startRegistry({ auth: true, tls })
    strict = await startRegistry({ tls: { ...tls, clientcas: [file('sailor.pem')] } })
  })
  afterAll(async () => {
    for (const registry of made) await registry.close()
    await closed?.stop()
    await strict?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is believed on this machine without a certificate that holds, as docker does', async () => {
    await connect().checkLogin(`localhost:${closed.port}`, LOGIN, signal)
    await expect(
      connect().checkLogin(`localhost:${closed.port}`, { ...LOGIN, password: 'no' }, signal),
    ).rejects.toMatchObject({ code: 'unauthorized' })
  })

  it('is refused elsewhere until its authority is put down for it, or it is set as insecure', async () => {
    const host = `[${MAPPED}]:${closed.port}`
    await expect(connect().checkLogin(host, LOGIN, signal)).rejects.toMatchObject({
      reason: 'registry.untrusted',
      message: expect.stringContaining(`certs.d/${host}/ca.crt`),
    })
    await connect([host]).checkLogin(host, LOGIN, signal)
    await connect([], putDown(host, { 'ca.crt': 'server.pem' })).checkLogin(host, LOGIN, signal)
    const other = connect([], putDown('another.test', { 'ca.crt': 'server.pem' }))
    await expect(other.checkLogin(host, LOGIN, signal)).rejects.toMatchObject({ reason: 'registry.untrusted' })
  })

  it('is believed when the system trusts its authority, from the moment that it does', async () => {
    const host = `[${MAPPED}]:${closed.port}`
    const bundle = file('bundle.crt')
    copyFileSync(file('other.pem'), bundle)
    const registry = connect([], { bundles: [file('not-there.crt'), bundle, file('server.pem')] })
    const ask = () => registry.checkLogin(host, LOGIN, signal)
    await expect(ask()).rejects.toMatchObject({ reason: 'registry.untrusted' })
    // As `update-ca-certificates` does it; one that is broken does not spoil the others.
    const broken = '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n'
    writeFileSync(bundle, `${broken}# the company's own\n${readFileSync(file('server.pem'), 'utf8')}`)
    await ask()
    await Promise.all(Array.from({ length: 5 }, ask))
    copyFileSync(file('other.pem'), bundle)
    await expect(ask()).rejects.toMatchObject({ reason: 'registry.untrusted' })

    const authorities = file('authorities')
    mkdirSync(authorities)
    const inFolder = connect([], { folders: [file('not-there'), authorities] })
    await expect(inFolder.checkLogin(host, LOGIN, signal)).rejects.toMatchObject({ reason: 'registry.untrusted' })
    symlinkSync(file('server.pem'), path.join(authorities, '4f06f81d.0'))
    await inFolder.checkLogin(host, LOGIN, signal)
  })

  it('is shown the certificate that is put down for it, as docker does', async () => {
    const host = `localhost:${strict.port}`
    const ask = (files: Readonly<Record<string, string>>) =>
      connect([], putDown(host, files)).checkLogin(host, LOGIN, signal)
    await ask({ 'client.cert': 'sailor.pem', 'client.key': 'sailor.key' })
    await expect(ask({})).rejects.toMatchObject({ code: 'unavailable' })
    const wrong = { 'client.cert': 'other.pem', 'client.key': 'other.key' }
    await expect(ask(wrong)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('says where a certificate of ours is to be put when it asks for one', async () => {
    const port = await freePort()
    const pair = ['-cert', file('server.pem'), '-key', file('server.key'), '-CAfile', file('sailor.pem')]
    const server = spawn('openssl', ['s_server', '-accept', `${port}`, ...pair, '-Verify', '1', '-tls1_2', '-quiet'])
    const host = `[${MAPPED}]:${port}`
    const trusted = putDown(host, { 'ca.crt': 'server.pem' })
    const fail = () =>
      connect([], trusted)
        .checkLogin(host, LOGIN, signal)
        .then(() => undefined, EngineError.from)
    let failure: EngineError | undefined
    try {
      await waitUntil(async () => {
        failure = await fail()
        return !failure?.message.includes('ECONNREFUSED')
      }, 'the server')
    } finally {
      server.kill()
    }
    expect(failure).toMatchObject({
      reason: 'registry.wants-certificate',
      message: expect.stringContaining(`certs.d/${host}/client.cert`),
    })
  })

  it.each([
    [{ 'client.cert': 'sailor.pem' }, /client\.cert cannot be used: it has no client\.key beside it/],
    [{ 'client.key': 'sailor.key' }, /client\.key cannot be used: it has no client\.cert beside it/],
    [{ 'a.cert': 'sailor.pem', 'a.key': 'other.key' }, /a\.key cannot be used: it is not the key of a\.cert/],
    [{ 'a.cert': 'sailor.key', 'a.key': 'sailor.key' }, /a\.cert cannot be used: it holds no certificate/],
    [{ 'a.cert': 'sailor.pem', 'a.key': 'sailor.pem' }, /a\.key cannot be used: it holds no key/],
    [{ 'ca.crt': 'server.key' }, /ca\.crt cannot be used: it holds no certificate/],
  ])('is not asked with certificates that cannot be used: %j', async (files, message) => {
    const host = `localhost:${closed.port}`
    const asked = connect([], putDown(host, files)).checkLogin(host, LOGIN, signal)
    await expect(asked).rejects.toMatchObject({
      reason: 'certificate.unusable',
      message: expect.stringMatching(message),
    })
  })

  it('gets a pull and a push as any other', async () => {
    const repository = await connect().open(
      { host: `localhost:${closed.port}`, path: 'team/box' },
      { access: 'pull,push', credentials: LOGIN },
    )
    const bytes = Buffer.from('a blob')
    const digest = digestOf(bytes)
    const onProgress = () => undefined
    const blob = { digest, size: bytes.length, signal, onProgress }
    expect(await repository.upload({ ...blob, source: { bytes }, mountFrom: [] })).toBe('uploaded')
    expect(await repository.upload({ ...blob, source: { bytes }, mountFrom: [] })).toBe('exists')
    await repository.download({ ...blob, file: file('blob') })
    expect(readFileSync(file('blob'), 'utf8')).toBe('a blob')
  })

  it('is searched over TLS with the login that is kept, and says what is missing without one', async () => {
    const host = `localhost:${closed.port}`
    const query = { term: `${host}/bo`, limit: 5, signal }
    await expect(connect().search(query)).rejects.toThrow('no basic auth credentials')
    const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
    writeFileSync(file('config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    expect((await connect().search(query)).map(({ name }) => name)).toEqual([`${host}/team/box`])
  })
})
