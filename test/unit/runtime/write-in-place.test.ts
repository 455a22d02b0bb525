import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { writeInPlace } from '../../../engine/runtime/write-in-place.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a shorter text replaces a longer one in the same file', async () => {
  const file = path.join(folder, 'hosts')
  await writeInPlace(file, '127.0.0.1 localhost\n10.0.0.2 other\n')
  const { ino } = statSync(file)
  await writeInPlace(file, '127.0.0.1 localhost\n')
  expect(readFileSync(file, 'utf8')).toBe('127.0.0.1 localhost\n')
  expect(statSync(file).ino).toBe(ino)
})

test('the same text leaves the file untouched', async () => {
  const file = path.join(folder, 'same')
  await writeInPlace(file, 'text\n')
  const { mtimeNs } = statSync(file, { bigint: true })
  await writeInPlace(file, 'text\n')
  expect(statSync(file, { bigint: true }).mtimeNs).toBe(mtimeNs)
})
