import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createSettingsFile } from '../../../engine/store/settings-file.ts'

describe('settings in a file', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-'))
    file = path.join(folder, 'settings.json')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const open = () => createSettingsFile(file, z.object({ isOn: z.boolean().default(false) }))

  it('are the defaults without a file, and what was written after that', async () => {
    expect(await open().read()).toEqual({ isOn: false })
    await open().write({ isOn: true })
    expect(await open().read()).toEqual({ isOn: true })
  })

  it.each(['{"isOn":', '{"isOn":"perhaps"}'])('that read %s are named and kept', async (text) => {
    writeFileSync(file, text)
    await expect(open().read()).rejects.toMatchObject({ reason: 'settings.unreadable', details: { file } })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('that cannot be read are not taken for missing ones', async () => {
    const unreadable = createSettingsFile(folder, z.object({}))
    await expect(unreadable.read()).rejects.toMatchObject({ reason: 'settings.unreadable' })
  })
})
