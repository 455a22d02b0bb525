import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type PaletteObjects, paletteActions } from '../../../renderer/app/palette-actions.ts'

const RENDERER = path.resolve(import.meta.dirname, '../../../renderer')
const read = (file: string) => readFileSync(path.join(RENDERER, file), 'utf8')

/** One object of each state that has verbs of its own. */
const objects = {
  containers: ['created', 'running', 'paused'].map((status) => ({
    ...{ id: `${status}-id`, name: status, image: 'box', status, networkMode: 'bridge' },
    labels: { 'com.docker.compose.project': 'stack' },
  })),
  images: [{ id: 'sha256:0123456789abcdef', references: ['box:1'] }],
  volumes: [{ name: 'data' }],
  logins: [{ host: 'registry.lan' }],
  networks: [{ id: 'shop-id', name: 'shop', driver: 'bridge', endpoints: [] }],
} as unknown as PaletteObjects
/** Texts stand for themselves, so that an action begins with the key of its verb. */
const keys = ((key: string) => key) as unknown as Parameters<typeof paletteActions>[1]
const labels = paletteActions(objects, keys, () => {}).map(({ label }) => label)
const has = (key: string, name: string) => labels.includes(`${key}: ${name}`)

/** Keys of the texts that a source shows, and the verbs of its tables. */
const textsOf = (source: string) => [
  ...[...source.matchAll(/\bt\('([\w.]+)'/g)].map(([, key]) => key as string),
  ...[...source.matchAll(/\bverb: '(\w+)'/g)].map(([, verb]) => `verb.${verb}`),
]
const verbsOf = (source: string, others: readonly string[] = []) =>
  [...new Set(textsOf(source))].filter((key) => !others.includes(key))

describe('the palette', () => {
  test('has every verb of the menu of a container', () => {
    // Ending a recording is an action on that recording.
    const verbs = verbsOf(read('features/containers/menu.tsx'), ['capture.stopFile'])
    expect(verbs.length).toBeGreaterThan(10)
    const names = objects.containers.map(({ name }) => name)
    expect(verbs.filter((key) => !names.some((name) => has(key, name)))).toEqual([])
  })

  test('has every verb of an image’s row and pane', () => {
    const columns = read('features/images/columns.tsx')
    const pane = read('features/images/pane.tsx')
    const verbs = [
      ...verbsOf(columns.slice(columns.indexOf('function Actions('))),
      // Closing the pane and choosing its tab are the pane's own.
      ...verbsOf(pane.slice(pane.indexOf('<aside'), pane.indexOf('</aside>')), [
        ...['close', 'images.unused', 'usedBy', 'images.tabs'],
      ]),
    ]
    expect(verbs.length).toBeGreaterThan(5)
    expect(verbs.filter((key) => !has(key, 'box:1'))).toEqual([])
  })

  test('has every verb of the menu of a network, and of the heads of pages', () => {
    // The page itself is in the palette.
    const verbs = verbsOf(read('features/networks/menu.tsx'), ['networks.showTopology'])
    expect(verbs.filter((key) => !has(key, 'shop'))).toEqual([])
    for (const page of ['containers', 'images', 'networks', 'volumes']) {
      // What follows is the buttons of a dialog.
      const [source = ''] = read(`features/${page}/page.tsx`).split('<form')
      const buttons = [...source.matchAll(/<Button\b.*?<\/Button>/gs)].flatMap(([button]) => textsOf(button))
      expect({
        page,
        missing: buttons.filter((key) => !labels.some((label) => label === key || label.startsWith(`${key}: `))),
      }).toEqual({
        page,
        missing: [],
      })
    }
    expect(has('registries.login', 'page.registries')).toBe(true)
  })

  test('has every verb of a Compose project, but that of the picture alone', () => {
    const verbs = ['start', 'stop', 'restart', 'remove'].map((verb) => `topology.project.${verb}`)
    expect(verbs.filter((key) => !has(key, 'stack'))).toEqual([])
  })

  test('has every verb of a login’s row, and the way out', () => {
    const page = read('features/registries/page.tsx')
    const row = page.slice(page.indexOf("key: 'actions'"), page.indexOf('interface LoginDialogProps'))
    const verbs = [...row.matchAll(/label=\{`\$\{t\('([\w.]+)'\)/g)].map(([, key]) => key as string)
    expect(verbs).toEqual(['registries.test', 'registries.logout'])
    expect(verbs.filter((key) => !has(key, 'registry.lan'))).toEqual([])
    expect(labels).toContain('menu.quit')
    expect(has('update.title', 'update.check')).toBe(true)
  })
})
