import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { openReports } from '../../../electron/crash-reports.ts'
import { openLog, parseLine, scrub } from '../../../engine/log.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'slw-log-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('the app’s log', () => {
  test('a line is on the disk at once, can be read back, and is followed', () => {
    const { log, tail, follow } = openLog({ root })
    const heard: string[] = []
    const stop = follow(({ message }) => heard.push(message))
    log.warn({ id: 'abc' }, 'signal failed')
    stop()
    log.info({}, 'unheard')
    expect(tail(10)).toMatchObject([
      { level: 'warn', message: 'signal failed', fields: '{"id":"abc"}' },
      { level: 'info', message: 'unheard', fields: '' },
    ])
    expect(heard).toEqual(['signal failed'])
    expect(statSync(path.join(root, 'logs/slipway.log')).mode & 0o777).toBe(0o600)
  })

  test('it never grows beyond three files of the size that was set, and the newest lines are the ones kept', () => {
    const { log, tail, folder } = openLog({ root, maxBytes: 2000 })
    for (let index = 0; index < 500; index += 1) log.info({ index }, 'line')
    expect(readdirSync(folder).toSorted()).toEqual(['slipway.log', 'slipway.log.1', 'slipway.log.2'])
    for (const name of readdirSync(folder)) expect(statSync(path.join(folder, name)).size).toBeLessThanOrEqual(2000)
    expect(tail(3).map(({ fields }) => fields)).toEqual(['{"index":497}', '{"index":498}', '{"index":499}'])
    expect(openLog({ root }).tail(1)).toHaveLength(1)
  })

  test('secrets in fields and in the words of errors are hidden', () => {
    const { log, folder } = openLog({ root })
    log.error({ password: 'hunter2', auth: { token: 'tkn' }, env: ['A=secretvalue'] }, 'login failed')
    log.error({ error: 'GET https://joe:hunter2@host/v2/: Bearer abcdefghij denied, password=hunter2' }, 'pull failed')
    const text = readFileSync(path.join(folder, 'slipway.log'), 'utf8')
    expect(text).not.toMatch(/hunter2|tkn|secretvalue|abcdefghij/)
    expect(text).toContain('host/v2/')
    for (const line of text.trim().split('\n')) expect(parseLine(line)).not.toBeNull()
  })

  it.each([
    ['plain words about a token that was refused', 'plain words about a token that was refused'],
    ['https://host/a?token=abc&x=1', 'https://host/a?token=[hidden]&x=1'],
    ['Authorization: Basic am9lOnNlY3JldA==', 'Authorization: Basic [hidden]'],
  ])('%j is kept as %j', (text, kept) => {
    expect(scrub(text)).toBe(kept)
  })

  test('a torn line is left out, and a disk that takes nothing stops nobody', () => {
    const { log, tail, folder } = openLog({ root })
    log.info({}, 'whole')
    writeFileSync(path.join(folder, 'slipway.log'), `${readFileSync(path.join(folder, 'slipway.log'), 'utf8')}{"lev`)
    expect(openLog({ root }).tail(10)).toHaveLength(1)
    expect(tail(10)).toHaveLength(1)
    writeFileSync(path.join(root, 'file'), '')
    openLog({ root: path.join(root, 'file') }).log.info({}, 'nowhere')
  })
})

describe('reports of crashes', () => {
  const crash = {
    what: 'app',
    cause: 'Error: password=hunter2\n    at x',
    versions: { version: '1' },
    lines: [],
  } as const

  test('a report tells what happened, is hidden from others and holds no secret; only the newest twenty stay', () => {
    let seconds = 0
    const reports = openReports(root, () => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)))
    for (seconds = 1; seconds <= 25; seconds += 1) reports.write(crash)
    const [newest, ...others] = reports.list()
    expect(others).toHaveLength(19)
    expect(newest).toEqual({ file: '2026-01-01T00-00-25-000Z-app.txt', time: '2026-01-01T00:00:25.000Z', what: 'app' })
    const text = reports.read(newest?.file ?? '')
    expect(text).toContain('at x')
    expect(text).not.toContain('hunter2')
    expect(statSync(path.join(reports.folder, newest?.file ?? '')).mode & 0o777).toBe(0o600)
  })

  test('nothing but a report is read', () => {
    writeFileSync(path.join(root, 'secret.txt'), 'x')
    const reports = openReports(root, () => new Date())
    for (const file of ['../secret.txt', '', '/etc/passwd', '2026-01-01T00-00-00-000Z-app.txt/../../secret.txt'])
      expect(reports.read(file)).toBe('')
  })
})
