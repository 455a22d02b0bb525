import { describe, expect, it } from 'vitest'
import { createRandomName, newId, validateName } from '../../../engine/lib/names.ts'
import { parseSignal } from '../../../engine/lib/signals.ts'

describe('names', () => {
  it('are refused as Docker refuses them', () => {
    for (const name of ['', 'a', '-ab', 'a b', 'a/b', 'ab\n']) expect(() => validateName(name)).toThrow('Invalid name')
    for (const name of ['ab', '0_.-']) validateName(name)
  })
  it('and ids that are made are valid', () => {
    for (let i = 0; i < 200; i += 1) validateName(createRandomName())
    expect(newId()).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('a signal', () => {
  it('is known by name and number', () => {
    expect(['SIGTERM', 'term', '15', 'SIGRTMIN+3'].map(parseSignal)).toEqual([
      'SIGTERM',
      'SIGTERM',
      'SIGTERM',
      'SIGRTMIN+3',
    ])
    for (const text of ['', '0', '999', 'SIGFLY']) expect(() => parseSignal(text)).toThrow('invalid signal')
  })
})
