import { describe, expect, it } from 'vitest'
import { createEscapeFilter, parseDetachKeys } from '../../../engine/lib/detach-keys.ts'

describe('detach keys', () => {
  it('are letters and control letters', () => {
    expect(parseDetachKeys('ctrl-p,ctrl-q')).toEqual([16, 17])
    expect(parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-_')).toEqual([97, 0, 27, 31])
    for (const odd of ['ctrl-', 'ctrl-A', 'ab', 'a,', 'ctrl-1'])
      expect(() => parseDetachKeys(odd), odd).toThrow('Invalid detach keys')
  })

  const typed = (...chunks: string[]) => {
    const filter = createEscapeFilter(parseDetachKeys('ctrl-p,ctrl-q'))
    let passed = ''
    for (const chunk of chunks) {
      const { data, isDetached } = filter(Buffer.from(chunk))
      passed += data.toString()
      if (isDetached) return { passed, isDetached }
    }
    return { passed, isDetached: false }
  }
  it('are found across chunks, and what only begins like them passes', () => {
    expect(typed('ab\x10', '\x11c')).toEqual({ passed: 'ab', isDetached: true })
    expect(typed('a\x10b')).toEqual({ passed: 'a\x10b', isDetached: false })
    expect(typed('\x10\x10\x11')).toEqual({ passed: '\x10', isDetached: true })
    expect(typed('\x10')).toEqual({ passed: '', isDetached: false })
    expect(typed('plain')).toEqual({ passed: 'plain', isDetached: false })
  })
})
