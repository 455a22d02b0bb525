import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { readStateFile, removeHalfWritten, writeStateFile } from '../../../engine/keeper/state-file.ts'

it('what a killed keeper had not written to its end goes, and what it had stays', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-'))
  try {
    writeStateFile(path.join(folder, 'ports/a.json'), { port: 1 })
    mkdirSync(path.join(folder, 'empty'))
    for (const name of ['egress.json.tmp', 'ports/b.json.tmp']) writeFileSync(path.join(folder, name), '{')
    removeHalfWritten(folder)
    expect(readStateFile(path.join(folder, 'ports/a.json'))).toEqual({ port: 1 })
    expect(readdirSync(folder, { recursive: true }).toSorted()).toEqual(['empty', 'ports', 'ports/a.json'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
