import { describe, expect, test } from 'vitest'
import { readHost, readMirror } from '../../../engine/contract/registry-address.ts'
import { hubMirrors, withHubMirrors } from '../../../renderer/features/registries/addresses.ts'

describe('addresses of registries as they are typed', () => {
  test('a mirror is the root of an address over http or https', () => {
    expect(['https://mirror.example/', 'http://Mirror.example:5000', 'http://[::1]:5000'].map(readMirror)).toEqual([
      'https://mirror.example',
      'http://mirror.example:5000',
      'http://[::1]:5000',
    ])
    for (const typed of [
      ...['', 'mirror.example', 'mirror.example:5000', 'ftp://mirror.example', 'https://mirror.example/v2'],
      ...['https://mirror.example/?a', 'https://user:secret@mirror.example/', 'https://', 'javascript:alert(1)'],
    ])
      expect({ typed, read: readMirror(typed) }).toEqual({ typed, read: null })
  })

  test('an insecure registry is a host, with a port or without', () => {
    expect(['registry.lan', '10.0.0.7:5000', 'Registry.lan:443', '[fd00::1]:5000'].map(readHost)).toEqual([
      'registry.lan',
      '10.0.0.7:5000',
      'registry.lan:443',
      '[fd00::1]:5000',
    ])
    for (const typed of [
      '',
      'http://registry.lan',
      'registry.lan/',
      '10.0.0.0/8',
      'a b',
      'host:',
      'host:0',
      'host:65536',
    ])
      expect({ typed, read: readHost(typed) }).toEqual({ typed, read: null })
  })

  test('a change of the mirrors of the Hub leaves those of other registries', () => {
    const mirrors = [
      { host: 'docker.io', url: 'https://old.example' },
      { host: 'ghcr.io', url: 'https://other.example' },
    ]
    const changed = withHubMirrors(mirrors, ['https://new.example', 'https://next.example'])
    expect(changed).toContainEqual(mirrors[1])
    expect(hubMirrors(changed)).toEqual(['https://new.example', 'https://next.example'])
  })
})
