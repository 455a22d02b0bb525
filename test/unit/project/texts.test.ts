import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { en } from '../../../renderer/i18n/en.ts'
import { ko } from '../../../renderer/i18n/ko.ts'

const RENDERER = path.resolve(import.meta.dirname, '../../../renderer')
/** Properties whose text a user reads. */
const SHOWN = new Set(['label', 'title', 'placeholder', 'aria-label', 'alt', 'description'])
/** Names that are the same in every language; so are file names and the names of variables. */
const NAMES = new Set(['Slipway', 'English', '한국어', 'ID', 'CPU'])

const sources = readdirSync(RENDERER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tsx'))
const isWords = (text: string) =>
  /\p{L}{2}/u.test(text) && !NAMES.has(text.trim()) && !/^(\/[a-z]+|[A-Z]+)$/.test(text.trim())

/** Words in the markup of a source: text between tags, and texts given to the properties that are shown. */
function literals(file: string): string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(path.join(RENDERER, file), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
    ts.ScriptKind.TSX,
  )
  const found: string[] = []
  const note = (node: ts.Node, text: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    if (isWords(text)) found.push(`${file}:${line + 1}: ${text.trim()}`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) note(node, node.text)
    const named = ts.isJsxAttribute(node) || ts.isPropertyAssignment(node) ? node : undefined
    if (named?.initializer && ts.isStringLiteralLike(named.initializer) && SHOWN.has(named.name.getText()))
      note(node, named.initializer.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const keysOf = (texts: object, prefix = ''): string[] =>
  Object.entries(texts).flatMap(([key, value]) =>
    typeof value === 'string' ? [`${prefix}${key}`] : keysOf(value as object, `${prefix}${key}.`),
  )
const withoutPlural = (keys: readonly string[]) =>
  [...new Set(keys.map((key) => key.replace(/_(one|other)$/, '')))].sort()

describe('the texts of the window', () => {
  test('no text is written into the markup', () => {
    expect(sources.flatMap(literals)).toEqual([])
  })

  test('Korean says everything that English says, and with the same values', () => {
    expect(withoutPlural(keysOf(ko))).toEqual(withoutPlural(keysOf(en)))
    const valuesOf = (text: string) => [...new Set(text.match(/\{\{\w+\}\}/g))].sort()
    const at = (texts: object, key: string): string =>
      key.split('.').reduce((part, name) => (part as Record<string, object>)[name] ?? {}, texts) as unknown as string
    const common = keysOf(en).filter((key) => typeof at(ko, key) === 'string')
    expect(common.filter((key) => `${valuesOf(at(en, key))}` !== `${valuesOf(at(ko, key))}`)).toEqual([])
  })
})
