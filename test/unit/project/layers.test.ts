import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const MECHANISMS = ['image', 'registry', 'runtime', 'network', 'volume', 'build', 'cluster']

/** The table of layers: which folders the sources of a folder may import, beside their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'engine/contract': [],
  'engine/lib': ['engine/contract'],
  'engine/host': ['engine/contract', 'engine/lib', 'engine/keeper'],
  'engine/keeper': ['engine/contract', 'engine/lib', 'engine/host'],
  'engine/store': ['engine/contract', 'engine/lib', 'engine/host'],
  ...Object.fromEntries(
    MECHANISMS.map((name) => [`engine/${name}`, ['engine/contract', 'engine/lib', 'engine/host', 'engine/store']]),
  ),
  'engine/service': [
    'engine/contract',
    'engine/lib',
    'engine/store',
    ...MECHANISMS.map((name) => `engine/${name}`),
    'engine/config.ts',
  ],
  'engine/api': ['engine/contract', 'engine/lib', 'engine/service', 'engine/config.ts'],
  electron: [
    'engine/engine.ts',
    'engine/doctor.ts',
    'engine/log.ts',
    'engine/config.ts',
    'engine/contract',
    'engine/api',
    'engine/lib',
    // Menus, the tray and notifications speak as the window does.
    'renderer/i18n',
  ],
  renderer: ['engine/contract'],
}

const sources = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => path.join(folder, name))

/** Every file of ours that a source imports, as `[what, whether only its types]`. */
function imports(file: string): (readonly [string, boolean])[] {
  const text = readFileSync(path.join(ROOT, file), 'utf8')
  const found = text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm)
  return [...found].map(([, type, from, dynamic]) => [
    path.join(path.dirname(file), (from ?? dynamic) as string),
    type !== undefined,
  ])
}

describe('the table of layers', () => {
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    const files = (() => {
      try {
        return sources(folder)
      } catch {
        return []
      }
    })()
    test.skipIf(files.length === 0)(`${folder} imports only what is below it`, () => {
      const wrong = files.flatMap((file) =>
        imports(file)
          .filter(([target]) => ![folder, ...allowed].some((own) => target === own || target.startsWith(`${own}/`)))
          .map(([target]) => `${file} imports ${target}`),
      )
      expect(wrong).toEqual([])
    })
  }

  test('every folder of the engine has a row', () => {
    const folders = readdirSync(path.join(ROOT, 'engine'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `engine/${name}`)
    expect(folders.filter((folder) => !(folder in MAY_IMPORT))).toEqual([])
  })
})
