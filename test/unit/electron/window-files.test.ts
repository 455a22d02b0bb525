import { expect, it } from 'vitest'
import { windowFileOf } from '../../../electron/window-files.ts'

const FOLDER = '/app/renderer'

it.each([
  ['slipway-app://window/index.html', '/app/renderer/index.html'],
  ['slipway-app://window/assets/a%20b.js', '/app/renderer/assets/a b.js'],
  // A name, however it looks: it is decoded once, and never again.
  ['slipway-app://window/%252e%252e/main/main.js', '/app/renderer/%2e%2e/main/main.js'],
  ['slipway-app://window/..%2fmain/main.js', null],
  ['slipway-app://window/..%2frenderer-of-others/x', null],
  ['slipway-app://elsewhere/index.html', null],
  ['slipway-app://window/', null],
  ['slipway-app://window/%00', null],
  ['slipway-app://window/%zz', null],
  ['no address', null],
])('%s is %s', (address, file) => {
  expect(windowFileOf(address, FOLDER)).toBe(file)
})
