import { expect, it } from 'vitest'
import { isNodeEnough } from '../../../scripts/lib/need-node.mjs'

it.each([
  ['18.20.4', false],
  ['20.18.1', false],
  ['20.19.0', true],
  ['22.0.0', true],
  ['9.99.0', false],
])('Node %s is enough: %s', (version, isEnough) => {
  expect(isNodeEnough(version)).toBe(isEnough)
})
