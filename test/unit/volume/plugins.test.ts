import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createVolumePlugins, type VolumePlugins } from '../../../engine/volume/plugins.ts'
import { startVolumePlugin, type VolumePlugin } from '../../helpers/volume-plugin.ts'

const volume = { driver: 'shelf', name: 'books' }
let base: string
let plugin: VolumePlugin
let plugins: VolumePlugins

beforeEach(async () => {
  base = mkdtempSync(path.join(os.tmpdir(), 'plugins-'))
  plugin = await startVolumePlugin(path.join(base, 'shelf/shelf.sock'), path.join(base, 'data'))
  plugins = createVolumePlugins({ folders: [base], timeoutMs: 300 })
})
afterEach(async () => {
  await plugin.close()
  rmSync(base, { recursive: true, force: true })
})

test('a plugin in a folder of its own is listed and asked once what it is', async () => {
  expect(await plugins.list()).toEqual(['shelf'])
  await plugins.create(volume, { k: 'v' })
  expect(await plugins.mount(volume, 'one')).toBe(path.join(base, 'data/books'))
  expect(plugin.calls.filter(({ method }) => method === 'Plugin.Activate')).toHaveLength(1)
})

test('a plugin that hangs, answers without end or with no JSON is named', async () => {
  plugin.answers.set('VolumeDriver.Create', null)
  await expect(plugins.create(volume, {})).rejects.toThrow(
    'volume plugin "shelf": VolumeDriver.Create: no answer within 0.3 seconds',
  )
  plugin.answers.set('VolumeDriver.Create', { body: ' '.repeat(1024 * 1024 + 1) })
  await expect(plugins.create(volume, {})).rejects.toThrow('the answer is larger than 1 MiB')
  plugin.answers.set('VolumeDriver.Create', { body: 'fine' })
  await expect(plugins.create(volume, {})).rejects.toThrow('the answer is not a JSON object')
})

test('a plugin of another kind, and one without capabilities', async () => {
  plugin.answers.set('VolumeDriver.Capabilities', { status: 404, body: '404 page not found' })
  expect(await plugins.scope('shelf')).toBe('local')
  plugin.answers.set('Plugin.Activate', { body: '{"Implements":["authz"]}' })
  const others = createVolumePlugins({ folders: [base] })
  await expect(others.create(volume, {})).rejects.toThrow('plugin "shelf" does not implement VolumeDriver')
})

test('what every plugin has is listed and found; one that hangs is left out with a warning, and not asked again at once', async () => {
  const other = await startVolumePlugin(path.join(base, 'other.sock'), path.join(base, 'other'))
  const network = await startVolumePlugin(path.join(base, 'network.sock'), path.join(base, 'network'))
  network.answers.set('Plugin.Activate', { body: '{"Implements":["NetworkDriver"]}' })
  const soon = createVolumePlugins({ folders: [base], soonMs: 200 })
  try {
    await soon.create(volume, {})
    await soon.create({ driver: 'other', name: 'pens' }, {})
    const told = await soon.listVolumes()
    expect(told.warnings).toEqual([])
    expect(told.volumes).toEqual([
      { driver: 'other', name: 'pens', mountpoint: path.join(base, 'other/pens'), createdAt: '', scope: 'global' },
      { driver: 'shelf', name: 'books', mountpoint: path.join(base, 'data/books'), createdAt: '', scope: 'global' },
    ])
    expect(await soon.find('pens')).toMatchObject({ driver: 'other', name: 'pens' })
    expect(await soon.find('nosuch')).toBeNull()
    other.answers.set('VolumeDriver.List', null)
    const late = await soon.listVolumes()
    expect(late.warnings).toEqual(['volume plugin "other": VolumeDriver.List: no answer within 0.2 seconds'])
    expect(late.volumes.map(({ name }) => name)).toEqual(['books'])
    const calls = other.calls.length
    expect((await soon.listVolumes()).warnings).toEqual(['volume plugin "other" gave no answer a while ago'])
    expect(await soon.find('books')).toMatchObject({ driver: 'shelf' })
    expect(other.calls).toHaveLength(calls)
  } finally {
    await other.close()
    await network.close()
  }
})

test('a name that leads out of the folders is not found', async () => {
  await expect(plugins.create({ driver: '../shelf/shelf', name: 'v' }, {})).rejects.toThrow('not found')
})
