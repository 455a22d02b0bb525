import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PullProgress } from '../../../engine/contract/image.ts'
import { createPushQueue } from '../../../engine/lib/async.ts'
import type { ImageRecord } from '../../../engine/store/schema.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'
import { hasRegistry, LOGIN, startRegistry, type TestRegistry } from '../../helpers/registry.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

if (!hasRegistry) process.stderr.write('integration skipped: docker-registry is missing\n')
const context = { signal: new AbortController().signal }
const stream = { ...context, up: createPushQueue<never>() }

/** Keeps logins in files of a folder, as a keyring's helper would: `docker-credential-NAME get|store|erase|list`. */
const HELPER = `#!/bin/sh
cd "$(dirname "$0")/kept" || exit 1
case "$1" in
  store) cat > entry ;;
  get) read -r server; grep -qF "\\"$server\\"" entry 2>/dev/null && cat entry || { echo 'credentials not found'; exit 1; } ;;
  erase) rm -f entry ;;
  list) [ -f entry ] && sed 's/.*"ServerURL":"\\([^"]*\\)","Username":"\\([^"]*\\)".*/{"\\1":"\\2"}/' entry || echo '{}' ;;
esac
`

describe.skipIf(!hasRegistry)('logins, mirrors and search against real registries', () => {
  let test: TestEngine
  let open: TestRegistry
  let closed: TestRegistry
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-logins-'))
  const bin = path.join(folder, 'bin')
  const before = { path: process.env['PATH'] }
  let configFile = ''

  beforeAll(async () => {
    mkdirSync(path.join(bin, 'kept'), { recursive: true })
    writeFileSync(path.join(bin, 'docker-credential-kept'), HELPER)
    chmodSync(path.join(bin, 'docker-credential-kept'), 0o755)
    process.env['PATH'] = `${bin}:${before.path}`
    ;[test, open, closed] = await Promise.all([startEngine(), startRegistry(), startRegistry({ auth: true })])
    mkdirSync(test.config.dockerConfigFolder)
    configFile = path.join(test.config.dockerConfigFolder, 'config.json')
    const { image } = test.engine.handlers
    await image.createStarter({}, context)
    const reference = `${open.host}/team/starter:1`
    await image.tag({ id: 'slipway/starter', reference }, context)
    for await (const _ of image.push({ reference }, stream));
    await image.remove({ id: reference, force: false }, context)
  })
  afterAll(async () => {
    process.env['PATH'] = before.path
    await test?.destroy()
    await Promise.all([open?.stop(), closed?.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  it('keeps a login in the helper that docker is configured for, and nowhere else', async () => {
    writeFileSync(configFile, JSON.stringify({ credsStore: 'kept', other: true }))
    const { registry } = test.engine.handlers
    const kept = await registry.login({ host: closed.host, ...LOGIN }, context)
    expect(kept).toEqual({ host: closed.host, username: LOGIN.username, keptIn: 'helper', helper: 'kept' })
    expect(readFileSync(configFile, 'utf8')).not.toContain(LOGIN.password)
    expect(await registry.list({}, context)).toEqual([kept])
    expect(await registry.test({ host: closed.host }, context)).toEqual({ username: LOGIN.username })
    await registry.logout({ host: closed.host }, context)
    expect(existsSync(path.join(bin, 'kept/entry'))).toBe(false)
    await expect(registry.test({ host: closed.host }, context)).rejects.toThrow('no basic auth credentials')
  })

  it('remembers a login until the engine ends where no keyring is, and writes it to no file', async () => {
    writeFileSync(configFile, '{}')
    const { registry } = test.engine.handlers
    process.env['PATH'] = ''
    const kept = await registry.login({ host: closed.host, ...LOGIN }, context).finally(() => {
      process.env['PATH'] = `${bin}:${before.path}`
    })
    expect(kept).toMatchObject({ keptIn: 'memory' })
    expect(readFileSync(configFile, 'utf8')).toBe('{}')
    expect(await registry.test({ host: closed.host }, context)).toEqual({ username: LOGIN.username })
    await registry.logout({ host: closed.host }, context)
    expect(await registry.list({}, context)).toEqual([])
  })

  it('forgets a login of docker’s own file and leaves the rest of it', async () => {
    const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
    writeFileSync(configFile, JSON.stringify({ auths: { [closed.host]: { auth } }, psFormat: 'x' }))
    const { registry } = test.engine.handlers
    expect(await registry.list({}, context)).toEqual([
      { host: closed.host, username: LOGIN.username, keptIn: 'file', helper: '' },
    ])
    await registry.logout({ host: closed.host }, context)
    expect(JSON.parse(readFileSync(configFile, 'utf8'))).toEqual({ auths: {}, psFormat: 'x' })
  })

  it('takes a file of docker that cannot be read for no empty one, and leaves it as it is', async () => {
    rmSync(configFile)
    mkdirSync(configFile)
    const { registry } = test.engine.handlers
    await expect(registry.login({ host: closed.host, ...LOGIN }, context)).rejects.toThrow(
      /config\.json cannot be read: EISDIR/,
    )
    rmSync(configFile, { recursive: true })
    writeFileSync(configFile, '{}')
  })

  it('goes on without a credential helper that is gone, and names it only to whom a registry refuses', async () => {
    writeFileSync(configFile, JSON.stringify({ credsStore: 'desktop' }))
    const { registry } = test.engine.handlers
    await expect(registry.test({ host: closed.host }, context)).rejects.toThrow(
      /no basic auth credentials; the credential helper "desktop" .* failed .*: .*(ENOENT|EACCES)/,
    )
    await registry.logout({ host: closed.host }, context)
    const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
    writeFileSync(configFile, JSON.stringify({ credsStore: 'desktop', auths: { [closed.host]: { auth } } }))
    expect(await registry.test({ host: closed.host }, context)).toEqual({ username: LOGIN.username })
  })

  it('keeps a login elsewhere when the helper that is to keep it is gone or refuses, and says so', async () => {
    const { registry } = test.engine.handlers
    const login = () => registry.login({ host: closed.host, ...LOGIN }, context)
    writeFileSync(configFile, JSON.stringify({ credsStore: 'desktop', psFormat: 'x' }))
    const remembered = await login()
    expect(remembered).toMatchObject({
      keptIn: 'memory',
      helperFailure: expect.stringMatching(
        /^the credential helper "desktop" of docker's config.json failed \(install it/,
      ),
    })
    expect(readFileSync(configFile, 'utf8')).not.toContain(LOGIN.password)
    expect(await registry.test({ host: closed.host }, context)).toEqual({ username: LOGIN.username })
    await registry.logout({ host: closed.host }, context)

    const refusing = path.join(bin, 'docker-credential-locked')
    writeFileSync(refusing, '#!/bin/sh\necho the keyring is locked\nexit 1\n', { mode: 0o755 })
    renameSync(path.join(bin, 'docker-credential-kept'), path.join(bin, 'docker-credential-pass'))
    writeFileSync(configFile, JSON.stringify({ credsStore: 'locked', psFormat: 'x' }))
    try {
      expect(await login()).toMatchObject({
        keptIn: 'helper',
        helper: 'pass',
        helperFailure: expect.stringContaining('the keyring is locked'),
      })
      const credHelpers = { [closed.host]: 'pass' }
      expect(JSON.parse(readFileSync(configFile, 'utf8'))).toEqual({ credsStore: 'locked', psFormat: 'x', credHelpers })
      expect(await registry.test({ host: closed.host }, context)).toEqual({ username: LOGIN.username })
      await registry.logout({ host: closed.host }, context)
      await expect(registry.test({ host: closed.host }, context)).rejects.toThrow('no basic auth credentials')
    } finally {
      renameSync(path.join(bin, 'docker-credential-pass'), path.join(bin, 'docker-credential-kept'))
    }
  })

  it('refuses mirrors and insecure registries that are no addresses, each by its name', async () => {
    const { registry } = test.engine.handlers
    const kept = await registry.settings({}, context)
    const mirror = (url: string, host = 'docker.io') => ({ mirrors: [{ host, url }], insecure: [] })
    for (const url of ['https://mirror.example/v2', 'http://a:b@mirror.example', 'https://mirror.example/?x=1'])
      await expect(registry.setSettings(mirror(url), context)).rejects.toThrow(`"${url}" is no address of a mirror`)
    for (const host of ['http://registry.lan', '10.0.0.0/8', 'a b', 'host:0', 'host:70000', 'registry.lan/']) {
      const why = `"${host}" is no host of a registry`
      await expect(registry.setSettings({ mirrors: [], insecure: [host] }, context)).rejects.toThrow(why)
      await expect(registry.setSettings(mirror('http://m.lan', host), context)).rejects.toThrow(why)
    }
    expect(await registry.settings({}, context)).toEqual(kept)
    await registry.setSettings({ ...mirror('http://Mirror.lan:5000/'), insecure: ['Registry.LAN:5000'] }, context)
    expect(await registry.settings({}, context)).toEqual({
      mirrors: [{ host: 'docker.io', url: 'http://mirror.lan:5000' }],
      insecure: ['registry.lan:5000'],
    })
    await registry.setSettings({ mirrors: [], insecure: [] }, context)
  })

  it('takes the keyring that a login has put down in docker’s file out of it again', async () => {
    writeFileSync(configFile, JSON.stringify({ credHelpers: { 'other.test': 'kept' } }))
    renameSync(path.join(bin, 'docker-credential-kept'), path.join(bin, 'docker-credential-pass'))
    const { registry } = test.engine.handlers
    try {
      const kept = await registry.login({ host: closed.host, ...LOGIN }, context)
      expect(kept).toMatchObject({ keptIn: 'helper', helper: 'pass' })
      expect(readFileSync(configFile, 'utf8')).toContain('pass')
      await registry.logout({ host: closed.host }, context)
      expect(JSON.parse(readFileSync(configFile, 'utf8'))).toEqual({ credHelpers: { 'other.test': 'kept' } })
    } finally {
      renameSync(path.join(bin, 'docker-credential-pass'), path.join(bin, 'docker-credential-kept'))
    }
  })

  it('refuses a wrong password and keeps nothing of it', async () => {
    writeFileSync(configFile, '{}')
    const { registry } = test.engine.handlers
    const wrong = registry.login({ host: closed.host, username: LOGIN.username, password: 'no' }, context)
    await expect(wrong).rejects.toMatchObject({ code: 'unauthorized' })
    expect(await registry.list({}, context)).toEqual([])
  })

  it('asks a mirror first, and the registry itself where the mirror does not have it', async () => {
    const { registry, image } = test.engine.handlers
    const nowhere = 'registry.invalid:1'
    await registry.setSettings({ mirrors: [{ host: nowhere, url: `http://${open.host}` }], insecure: [] }, context)
    expect((await registry.settings({}, context)).mirrors).toHaveLength(1)
    const steps: PullProgress[] = []
    for await (const step of image.pull({ reference: `${nowhere}/team/starter:1`, platform: '' }, stream))
      steps.push(step)
    expect(steps.at(-2)).toMatchObject({ type: 'image', references: [`${nowhere}/team/starter:1`] })
    await image.remove({ id: `${nowhere}/team/starter:1`, force: false }, context)
    await registry.setSettings({ mirrors: [{ host: open.host, url: `http://${closed.host}` }], insecure: [] }, context)
    for await (const _ of image.pull({ reference: `${open.host}/team/starter:1`, platform: '' }, stream));
    await registry.setSettings({ mirrors: [], insecure: [] }, context)
  })

  it('refuses an image of another platform than was asked for by name', async () => {
    const { image } = test.engine.handlers
    const drain = async () => {
      for await (const _ of image.pull({ reference: `${open.host}/team/starter:1`, platform: 'linux/s390x' }, stream));
    }
    await expect(drain()).rejects.toThrow('does not match the specified platform: wanted linux/s390x')
  })

  it('compresses plain layers for a push, once, and keeps those alone', async () => {
    const { root } = test.config
    const layersOf = () =>
      readdirSync(path.join(root, 'images')).flatMap(
        (name) => (JSON.parse(readFileSync(path.join(root, 'images', name), 'utf8')) as ImageRecord).layers,
      )
    for (const { digest, diffId } of layersOf()) {
      expect(digest).not.toBe(diffId)
      expect(readFileSync(path.join(root, 'blobs/sha256', digest.slice(7))).readUInt16BE(0)).toBe(0x1f8b)
    }
    expect(findGarbage(root)).toEqual([])
    expect(await findDamage(root)).toEqual([])
  })

  it('searches a registry that has no index by its catalog', async () => {
    const { registry } = test.engine.handlers
    const found = await registry.search({ term: `${open.host}/start`, limit: 25 }, context)
    expect(found.map(({ name }) => name)).toEqual([`${open.host}/team/starter`])
  })
})
