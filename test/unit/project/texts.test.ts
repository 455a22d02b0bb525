import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { en } from '../../../renderer/i18n/en.ts'
import { ko } from '../../../renderer/i18n/ko.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
/** Properties whose text a user reads. */
const SHOWN = new Set([
  'label',
  'title',
  'placeholder',
  'aria-label',
  'alt',
  'description',
  'message',
  'detail',
  'body',
  'checkboxLabel',
  'buttons',
])
/** Names that are the same in every language; so are file names and the names of variables. */
const NAMES = new Set(['Slipway', 'Slipway:', 'English', '한국어', 'ID', 'CPU', 'Ctrl+'])

const sourcesOf = (folder: string, ending: RegExp) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => path.join(folder, name))
const sources = [...sourcesOf('renderer', /\.tsx$/), ...sourcesOf('electron', /\.ts$/)]
const isWords = (text: string) =>
  /\p{L}{2}/u.test(text) && !NAMES.has(text.trim()) && !/^(\/[a-z]+|[A-Z]+)$/.test(text.trim())

/** Calls of Electron's whose text a user reads. */
const SHOWING = /\.(setToolTip|setTitle|showErrorBox)$/

/** Words that a source shows: text between tags, and texts given to the properties and calls that are shown. */
function literals(file: string, text = readFileSync(path.join(ROOT, file), 'utf8')): string[] {
  const source = ts.createSourceFile(
    file,
    text,
    ts.ScriptTarget.Latest,
    true,
    /\.tsx$/.test(file) ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  )
  const found: string[] = []
  const note = (node: ts.Node, text: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    if (isWords(text)) found.push(`${file}:${line + 1}: ${text.trim()}`)
  }
  /** Of a value: itself, its branches, and the words between the holes of a template. */
  const noteValue = (node: ts.Expression): void => {
    if (ts.isStringLiteralLike(node)) note(node, node.text)
    else if (ts.isConditionalExpression(node)) [node.whenTrue, node.whenFalse].forEach(noteValue)
    else if (ts.isArrayLiteralExpression(node)) node.elements.forEach(noteValue)
    else if (ts.isJsxExpression(node) && node.expression) noteValue(node.expression)
    else if (ts.isTemplateExpression(node))
      for (const part of [node.head, ...node.templateSpans.map(({ literal }) => literal)]) note(part, part.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) note(node, node.text)
    const named = ts.isJsxAttribute(node) || ts.isPropertyAssignment(node) ? node : undefined
    if (named?.initializer && SHOWN.has(named.name.getText())) noteValue(named.initializer)
    if (ts.isCallExpression(node) && SHOWING.test(node.expression.getText())) node.arguments.forEach(noteValue)
    if (ts.isJsxExpression(node) && node.expression && ts.isJsxElement(node.parent)) noteValue(node.expression)
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
  [...new Set(keys.map((key) => key.replace(/_(zero|one|other)$/, '')))].sort()

describe('the texts of the window', () => {
  test('no text is written into the markup, a menu, a notification or a dialog', () => {
    expect(sources.flatMap((file) => literals(file))).toEqual([])
  }, 30_000)

  test.each([
    'const a = <p>Stop it</p>',
    "const a = <p>{isOpen ? 'Stop it' : ''}</p>",
    `const a = <Button aria-label={\`Stop \${name}\`} />`,
    'const a = <Button title="Stop it" />',
    "const menu = { label: 'Stop it' }",
    "dialog.showMessageBox({ buttons: ['Stop it'] })",
    `new Notification({ body: \`Stop \${name}\` })`,
    "tray.setToolTip('Stop it')",
  ])('a literal in %s is found', (text) => {
    expect(literals('x.tsx', text)).toHaveLength(1)
  })

  test('what is translated, a name or a number is no literal', () => {
    expect(
      literals('x.tsx', `const a = <p title={t('x')}>{t('stop')} Slipway {1} {\`\${count} · \${size}\`}</p>`),
    ).toEqual([])
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
