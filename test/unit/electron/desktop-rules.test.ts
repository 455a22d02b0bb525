import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { autostartEntry, openAutostart, startCommand } from '../../../electron/autostart.ts'
import { decideClose, decideQuit } from '../../../electron/quitting.ts'
import { createRequests } from '../../../electron/requests.ts'
import { markSession, startOf } from '../../../electron/session-mark.ts'
import { openSettings } from '../../../electron/settings.ts'
import { isSigned } from '../../../electron/signature.ts'
import { createTexts } from '../../../electron/texts.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slw-desktop-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('quitting and closing', () => {
  it.each([
    ['user', 'ask', 2, 'ask'],
    ['user', 'ask', 0, 'keep'],
    ['user', 'stop', 2, 'stop'],
    ['user', 'keep', 2, 'keep'],
    ['session', 'ask', 2, 'keep'],
    ['session', 'stop', 2, 'keep'],
    ['update', 'stop', 2, 'keep'],
  ] as const)('for the reason %s with the setting %s and %i containers: %s', (reason, quitting, running, decision) => {
    expect(decideQuit({ reason, quitting, running })).toBe(decision)
  })

  test('closing hides the window only where a tray shows the app', () => {
    expect(decideClose({ closing: 'tray', hasTray: true })).toBe('hide')
    expect(decideClose({ closing: 'tray', hasTray: false })).toBe('quit')
    expect(decideClose({ closing: 'quit', hasTray: true })).toBe('quit')
  })
})

describe('settings', () => {
  test('what is changed is kept, for its owner alone, and the rest stays', () => {
    const seen: string[] = []
    const settings = openSettings(folder, ({ theme }) => seen.push(theme))
    settings.change({ theme: 'dark' })
    settings.change({ closing: 'tray' })
    expect(seen).toEqual(['dark', 'dark'])
    expect(openSettings(folder, () => {}).get()).toMatchObject({ theme: 'dark', closing: 'tray', quitting: 'ask' })
    expect(statSync(path.join(folder, 'settings.json')).mode & 0o777).toBe(0o600)
  })

  it.each(['not json', '[]', '{"closing":"explode"}', '{"updates":{"url":"http://example.com/"}}'])(
    'a file with %s is set aside, and the defaults hold',
    (text) => {
      writeFileSync(path.join(folder, 'settings.json'), text)
      expect(openSettings(folder, () => {}).get()).toMatchObject({ closing: 'quit', quitting: 'ask' })
      expect(readFileSync(path.join(folder, 'settings.json.bad'), 'utf8')).toBe(text)
    },
  )

  test('an address for updates must be encrypted or of this machine', () => {
    const settings = openSettings(folder, () => {})
    for (const url of ['http://example.com/', 'ftp://x', 'https://user:secret@example.com/', 'https://a b'])
      expect(() => settings.change({ updates: { url, isDaily: true } })).toThrow(/https/)
    for (const url of ['', 'https://example.com/updates', 'http://127.0.0.1:8080/'])
      settings.change({ updates: { url, isDaily: true } })
  })
})

describe('autostart', () => {
  test('the entry is written, taken away, and believed when somebody else turns it off', () => {
    const autostart = openAutostart(folder, { program: '/usr/bin/slipway', args: [] })
    expect(autostart.isOn()).toBe(false)
    autostart.set(true)
    const file = path.join(folder, 'autostart/slipway.desktop')
    expect(readFileSync(file, 'utf8')).toContain('Exec=/usr/bin/slipway --hidden\n')
    expect(autostart.isOn()).toBe(true)
    writeFileSync(file, `${readFileSync(file, 'utf8')}Hidden=true\n`)
    expect(autostart.isOn()).toBe(false)
    autostart.set(true)
    expect(autostart.isOn()).toBe(true)
    autostart.set(false)
    expect(existsSync(file)).toBe(false)
    expect(autostart.isOn()).toBe(false)
    autostart.set(false)
  })

  test('paths with spaces, quotes and field codes are quoted as the specification wants it', () => {
    const entry = autostartEntry({ program: '/opt/My "App"/100%$x', args: ['--root=/a b'] })
    expect(entry).toContain(String.raw`Exec="/opt/My \\"App\\"/100%%\\$x" "--root=/a b" --hidden`)
  })

  test('an AppImage starts from its own file, an unpackaged app with its folder', () => {
    const options = { program: '/tmp/.mount_x/slipway', kept: ['--root=/r'] }
    expect(startCommand({ ...options, env: { APPIMAGE: '/home/a/Slipway.AppImage' }, appFolder: null })).toEqual({
      program: '/home/a/Slipway.AppImage',
      args: ['--root=/r'],
    })
    expect(startCommand({ ...options, env: {}, appFolder: '/src' }).args).toEqual(['/src', '--root=/r'])
  })
})

describe('requests to the window', () => {
  test('what is asked before a window listens waits for it, and a newer window takes over', async () => {
    const requests = createRequests()
    requests.send({ type: 'open', path: '/a.tar' })
    requests.send({ type: 'changed', what: 'state' })
    const [first, second] = [new AbortController(), new AbortController()]
    const old = requests.listen(first.signal)[Symbol.asyncIterator]()
    expect(await old.next()).toMatchObject({ value: { type: 'open', path: '/a.tar' } })
    const next = requests.listen(second.signal)[Symbol.asyncIterator]()
    expect(await old.next()).toMatchObject({ done: true })
    first.abort()
    expect(requests.isHeard()).toBe(true)
    requests.send({ type: 'page', page: 'images' })
    expect(await next.next()).toMatchObject({ value: { type: 'page' } })
    second.abort()
    expect(requests.isHeard()).toBe(false)
  })
})

describe('the mark of a running app', () => {
  test('tells the next start of an end without a word, and nothing after a proper one', () => {
    expect(markSession(folder).startedAt).toBe('')
    const second = markSession(folder)
    expect(second.startedAt).toMatch(/^\d{4}-/)
    second.remove()
    expect(markSession(folder).startedAt).toBe('')
  })

  test('a restart of the machine is no crash, and a torn mark is none', () => {
    expect(startOf('{"startedAt":"2026-01-01","bootId":"other"}', 'this')).toBe('')
    expect(startOf('{"started', 'this')).toBe('')
  })
})

describe('signatures of updates', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const description = `version: 2.0.0\nfiles:\n  - sha512: ${createHash('sha512').update('x').digest('base64')}\n`
  const signature = sign(null, Buffer.from(description), privateKey).toString('base64')

  test('the key of the build vouches for exactly what it signed', () => {
    expect(isSigned(description, `${signature}\n`, pem)).toBe(true)
    expect(isSigned(description.replace('2.0.0', '3.0.0'), signature, pem)).toBe(false)
    expect(isSigned(`${description} `, signature, pem)).toBe(false)
    expect(isSigned(description, `A${signature.slice(1)}`, pem)).toBe(false)
    for (const wrong of ['', 'x', signature.slice(0, 40), '<html>404</html>'])
      expect(isSigned(description, wrong, pem)).toBe(false)
  })

  test('neither another key nor a key of another kind does', () => {
    const other = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    expect(isSigned(description, signature, other)).toBe(false)
    expect(isSigned(description, signature, rsa.export({ type: 'spki', format: 'pem' }).toString())).toBe(false)
  })
})

test('menus and notifications speak the language that was chosen, else the system’s, and follow the window', () => {
  expect(createTexts('system', 'ko-KR').t('menu.quit')).toBe('Slipway 종료')
  expect(createTexts('en', 'ko-KR').t('tray.running', { count: 1 })).toBe('1 container running')
  const texts = createTexts('system', 'de')
  expect(texts.t('tray.running', { count: 0 })).toBe('Nothing is running')
  texts.use('ko')
  expect(texts.t('notice.failed.title', { name: 'web' })).toBe('web 실패')
})
