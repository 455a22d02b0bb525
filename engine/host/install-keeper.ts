import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/*
 * <root>/keeper/<first 12 digits of the bundle's SHA-256>/
 *   keeper.mjs
 *   node_modules/koffi, node_modules/@koromix/koffi-linux-<arch>     the FFI library, which cannot be bundled
 *
 * A keeper outlives the app it was started by, and starts workers from its own file: an upgrade or an AppImage that is
 * closed must not take that file away. Copies of other versions stay while a keeper may still run from them.
 */
const NOT_NEEDED = new Set(['doc', 'vendor', 'README.md', 'CHANGELOG.md'])

/** Copies the bundled keeper and its library below the data root, once a version, and answers with the copy. */
export function installKeeper(keeperFile: string, root: string): string {
  const version = createHash('sha256').update(readFileSync(keeperFile)).digest('hex').slice(0, 12)
  const parent = path.join(root, 'keeper')
  const folder = path.join(parent, version)
  const copy = path.join(folder, 'keeper.mjs')
  if (existsSync(copy)) return copy
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  const temporary = mkdtempSync(path.join(parent, '.new-'))
  try {
    cpSync(keeperFile, path.join(temporary, 'keeper.mjs'))
    const resolve = createRequire(keeperFile).resolve
    const koffi = path.dirname(resolve('koffi'))
    const native = path.dirname(createRequire(path.join(koffi, 'index.cjs')).resolve(nativePackage))
    for (const [from, name] of [
      [koffi, 'koffi'],
      [native, nativePackage],
    ] as const) {
      const to = path.join(temporary, 'node_modules', name)
      cpSync(from, to, { recursive: true, dereference: true, filter: (file) => !NOT_NEEDED.has(path.basename(file)) })
    }
    renameSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    // Another engine of the same root was quicker: its copy is the same.
    if (!existsSync(copy)) throw error
  }
  return copy
}

const nativePackage = `@koromix/koffi-linux-${process.arch}`
