import { expect, it } from 'vitest'
import { countIds, freeRange } from '../../../engine/lib/subordinate-ids.ts'

const UIDS = 'first:100000:65536\nmina:165536:1000\n1000:300000:10\n# odd\nbad:x:1\n'

it('ids are those of a user’s name and number', () => {
  expect(countIds(UIDS, { username: 'mina', uid: 1000 })).toBe(1010)
  expect(countIds(UIDS, { username: 'nobody', uid: 65_534 })).toBe(0)
})

it('a free range is nobody’s, of users and groups alike', () => {
  expect(freeRange(['', ''])).toBe('100000-165535')
  expect(freeRange(['first:100000:65536\n', ''])).toBe('165536-231071')
  expect(freeRange([UIDS, 'other:500000:65536\n'])).toBe('565536-631071')
})
