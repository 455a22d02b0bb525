import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../../engine/lib/digest.ts'
import { createRegistry, type Registry } from '../../../engine/registry/registry.ts'
import { hasRegistry, LOGIN, startRegistry, type TestRegistry } from '../../helpers/registry.ts'

/** 127.0.0.1 in a form that is not taken for this machine's own: the exception for loopback does not hold for it. */
const MAPPED = '::ffff:7f00:1'

describe.skipIf(!hasRegistry)('a registry that speaks TLS and wants a login', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-tls-'))
  const file = (name: string) => path.join(folder, name)
  const signal = new AbortController().signal
  let closed: TestRegistry
  const made: Registry[] = []
  const connect = (insecure: readonly string[] = []) => {
    const registry = createRegistry({
      configFolder: folder,
      settingsFile: file('registries.json'),
      insecure,
      firstWaitMs: 1,
      runHelper: async () => ({ exitCode: 1, stdout: '' }),
    })
    made.push(registry)
    return registry
  }

  beforeAll(async () => {
    const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=IP:${MAPPED},DNS:localhost`]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key.pem')]
    execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', ...subject, '-out', file('certificate.pem')], {
      stdio: 'ignore',
    })
    closed = await startRegistry({ auth: true, tls: { certificate: file('certificate.pem'), key: file('key.pem') } })
  })
  afterAll(async () => {
    for (const registry of made) await registry.close()
    await closed?.stop()
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
    await expect(connect().checkLogin(host, LOGIN, signal)).rejects.toMatchObject({ reason: 'registry.unreachable' })
    await connect([host]).checkLogin(host, LOGIN, signal)
    mkdirSync(path.join(folder, 'certs.d', host), { recursive: true })
    copyFileSync(file('certificate.pem'), path.join(folder, 'certs.d', host, 'ca.crt'))
    await connect().checkLogin(host, LOGIN, signal)
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
