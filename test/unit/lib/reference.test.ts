import { describe, expect, it } from 'vitest'
import {
  familiarReference,
  matchesReference,
  normalizeReference,
  parseReference,
} from '../../../engine/lib/reference.ts'

describe('references', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'],
    ['slipway/starter:1', 'docker.io/slipway/starter:1'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['example.org/team/app:v1.2', 'example.org/team/app:v1.2'],
  ])('writes %s in full as %s', (short, full) => {
    expect(normalizeReference(short)).toBe(full)
  })

  it.each(['', 'UPPER', 'a//b', '../x', 'a:b:c', 'x:tag with space', '-x'])('refuses %j', (text) => {
    expect(() => normalizeReference(text)).toThrow('invalid reference format')
  })

  it('are taken apart into registry, repository, tag and digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(parseReference(`localhost:5000/a/b:1@${digest}`)).toEqual({
      host: 'localhost:5000',
      path: 'a/b',
      tag: '1',
      digest,
    })
    expect(parseReference('[::1]:5000/a')).toMatchObject({ host: '[::1]:5000', path: 'a' })
    expect(parseReference('index.docker.io/library/busybox')).toMatchObject({ host: 'docker.io' })
    expect(() => parseReference('a@sha256:short')).toThrow('invalid reference format')
    expect(() => normalizeReference(`a@${digest}`)).toThrow('digest reference')
  })

  it('leaves the default registry out of the familiar form', () => {
    expect(familiarReference('docker.io/library/busybox:latest')).toBe('busybox:latest')
    expect(familiarReference('docker.io/slipway/starter:1')).toBe('slipway/starter:1')
  })

  it.each([
    ['busybox:1', 'busybox', true],
    ['localhost:5000/a/b:1', 'localhost:5000/a/b', true],
    ['localhost:5000/a/b:1', 'localhost:5000/a/*', true],
    ['localhost:5000/a/b:1', 'localhost:5000/*', false],
    ['a.b:1', 'a?b:1', true],
    ['busybox:1', 'busybox:2', false],
    ['axb:1', 'a.b', false],
  ])('finds whether %s fits %s: %s', (reference, pattern, expected) => {
    expect(matchesReference(reference, pattern)).toBe(expected)
  })
})
