import { expect, it } from 'vitest'
import { labelName, profileNames } from '../../../engine/lib/apparmor.ts'

it('reads the names of profiles as the kernel lists them', () => {
  const text = 'slipway-default (enforce)\n/usr/bin/man (complain)\nman_filter//child one (kill)\nlsb (unconfined)\n'
  expect([...profileNames(text)]).toEqual(['slipway-default', '/usr/bin/man', 'man_filter//child one', 'lsb'])
  expect(profileNames('').size).toBe(0)
})

it('reads the label of a process', () => {
  expect(labelName('unconfined\n')).toBe('unconfined')
  expect(labelName('slipway (unconfined)\n')).toBe('slipway')
  expect(labelName('/opt/a b (enforce)')).toBe('/opt/a b')
})
