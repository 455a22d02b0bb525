import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogLine } from '../../../engine/contract/container.ts'
import { createLogReader } from '../../../engine/runtime/log.ts'
import { newParseState, parseLogLine, toUtc } from '../../../engine/runtime/log-parse.ts'

let folder = ''
let log = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'slipway-log-'))
  log = path.join(folder, 'ctr.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const START = Date.UTC(2026, 5, 1)
const raw = (n: number, text = `line ${n}`, flag = 'F', stream = 'stdout') =>
  `${new Date(START + n * 10).toISOString().replace('Z', '123456+00:00')} ${stream} ${flag} ${text}\n`
const raws = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => raw(from + i)).join('')
const reader = (maxFiles = 3) => createLogReader({ path: log, maxFiles })
const texts = (lines: readonly LogLine[]) => lines.map((line) => line.text)
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
const rotate = () => {
  try {
    renameSync(`${log}.1`, `${log}.2`)
  } catch {}
  renameSync(log, `${log}.1`)
}

/** Follows until so many lines have come; fails by the test's deadline. */
async function take(count: number, from = 0, onBatch: (sofar: number) => void = () => {}): Promise<LogLine[]> {
  const stop = new AbortController()
  const seen: LogLine[] = []
  for await (const lines of reader().follow({ from, signal: stop.signal })) {
    expect(lines.length).toBeLessThanOrEqual(512)
    seen.push(...lines)
    onBatch(seen.length)
    if (seen.length >= count) stop.abort()
  }
  return seen
}

describe('a raw line', () => {
  it('is told in UTC with nine digits whatever its offset', () => {
    expect(toUtc('2026-06-01T01:02:03.5+02:00')).toBe('2026-05-31T23:02:03.500000000Z')
    expect(toUtc('2026-06-01T01:02:03Z')).toBe('2026-06-01T01:02:03.000000000Z')
  })
  it('is joined with its pieces, a stream apart', () => {
    const state = newParseState()
    expect(parseLogLine('2026-06-01T01:02:03Z stdout P ab', 1, state)).toBeNull()
    expect(parseLogLine('2026-06-01T01:02:04Z stderr F x', 2, state)?.text).toBe('x')
    expect(parseLogLine('2026-06-01T01:02:05Z stdout F cd', 3, state)).toMatchObject({
      text: 'abcd',
      offset: 3,
      time: '2026-06-01T01:02:03.000000000Z',
    })
  })
  it('is given out after 1 MiB even when it never ends', () => {
    const state = newParseState()
    const piece = `2026-06-01T01:02:03Z stdout P ${'x'.repeat(512 * 1024)}`
    expect(parseLogLine(piece, 1, state)).toBeNull()
    expect(parseLogLine(piece, 2, state)?.text.length).toBe(1024 * 1024)
    expect(state.partial.size).toBe(0)
  })
  it('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseLogLine(text, 0, newParseState())))
  })
})

describe('a window of a log', () => {
  it('is empty when there is no log', async () => {
    expect(await reader().window({ tail: 5, search: '' })).toEqual({ lines: [], endOffset: 0, hasOlder: false })
  })
  it('pages back through all files without a gap', async () => {
    writeFileSync(`${log}.1`, raws(0, 9000))
    writeFileSync(log, raws(9000, 20000))
    const pages: LogLine[] = []
    let before: number | undefined
    for (let isMore = true; isMore; ) {
      const page = await reader().window({ before, tail: 777, search: '' })
      pages.unshift(...page.lines)
      before = page.lines[0]?.offset
      isMore = page.hasOlder
    }
    expect(texts(pages)).toEqual(numbered(0, 20000))
    expect(pages.every((line, i) => i === 0 || line.offset > (pages[i - 1]?.offset ?? 0))).toBe(true)
    expect(pages.every((line) => Number.isSafeInteger(line.offset))).toBe(true)
  })
  it('finds what is searched for, across files', async () => {
    writeFileSync(`${log}.1`, raws(0, 9000))
    writeFileSync(log, raws(9000, 20000))
    const { lines, hasOlder } = await reader().window({ tail: 100, search: 'line 77' })
    expect(texts(lines)).toEqual(
      numbered(0, 20000)
        .filter((text) => text.includes('line 77'))
        .slice(-100),
    )
    expect(hasOlder).toBe(true)
    expect((await reader().window({ tail: 5, search: 'nowhere' })).lines).toEqual([])
  })
  it('leaves out a last line that is not whole yet, and following gives it later', async () => {
    const half = raw(2)
    writeFileSync(log, raws(0, 2) + half.slice(0, 40))
    const { lines, endOffset } = await reader().window({ tail: 5, search: '' })
    expect(texts(lines)).toEqual(['line 0', 'line 1'])
    appendFileSync(log, half.slice(40))
    expect(texts(await take(1, endOffset))).toEqual(['line 2'])
  })
  it('keeps a long line whole where it crosses a segment', async () => {
    const long = Array.from({ length: 40 }, (_, i) => raw(i, 'x'.repeat(8000), i < 39 ? 'P' : 'F')).join('')
    writeFileSync(log, long + raws(100, 4000))
    const { lines } = await reader().window({ tail: 5000, search: '' })
    expect(lines[0]?.text.length).toBe(320_000)
    expect(lines.length).toBe(3901)
  })
  it('keeps offsets over a rotation and a new reader', async () => {
    writeFileSync(log, raws(0, 50))
    const first = await reader().window({ tail: 50, search: '' })
    rotate()
    writeFileSync(log, raws(50, 60))
    const second = await reader().window({ tail: 60, search: '' })
    expect(second.lines.slice(0, 50)).toEqual(first.lines)
    expect(texts(await take(10, first.endOffset))).toEqual(numbered(50, 60))
  })
})

describe('following a log', () => {
  it('starts before there is a log', async () => {
    setTimeout(() => writeFileSync(log, raws(0, 3)), 30)
    expect(texts(await take(3))).toEqual(numbered(0, 3))
  })
  it('loses and repeats nothing over quick rotations', async () => {
    writeFileSync(log, raws(0, 100))
    let written = 100
    const write = setInterval(() => {
      if (written >= 1000) return clearInterval(write)
      if (written % 300 === 0) {
        rotate()
        appendFileSync(`${log}.1`, raw(written, 'late'))
        writeFileSync(`${log}.tmp`, raws(written, written + 50))
        renameSync(`${log}.tmp`, log)
      } else appendFileSync(log, raws(written, written + 50))
      written += 50
    }, 5)
    const seen = texts(await take(1003))
    expect(seen.filter((text) => text !== 'late')).toEqual(numbered(0, 1000))
    expect(seen.filter((text) => text === 'late').length).toBe(3)
  })
  it('goes on behind a given line, also one joined of pieces', async () => {
    writeFileSync(log, raw(0) + raw(1, 'ab', 'P') + raw(2, 'cd') + raws(3, 5))
    const all = await take(4)
    expect(texts(all)).toEqual(['line 0', 'abcd', 'line 3', 'line 4'])
    expect(texts(await take(2, (all[1]?.offset ?? 0) + 1))).toEqual(['line 3', 'line 4'])
  })
  it('joins a piece that was written before it began with the end that comes later', async () => {
    writeFileSync(log, raw(0) + raw(1, 'Pass', 'P'))
    const { endOffset, lines } = await reader().window({ tail: 5, search: '' })
    expect(texts(lines)).toEqual(['line 0'])
    setTimeout(() => appendFileSync(log, raw(2, 'word')), 20)
    expect(texts(await take(1, endOffset))).toEqual(['Password'])
  })
  it('goes on when the clock was set back between two files', async () => {
    writeFileSync(log, raws(5000, 5100))
    const seen = await take(120, 0, (count) => {
      if (count !== 100) return
      rotate()
      writeFileSync(log, raws(0, 20))
    })
    expect(texts(seen)).toEqual([...numbered(5000, 5100), ...numbered(0, 20)])
  })
})
