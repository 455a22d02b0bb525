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

test('a name that leads out of the folders is not found', async () => {
  await expect(plugins.create({ driver: '../shelf/shelf', name: 'v' }, {})).rejects.toThrow('not found')
})
