import { describe, expect, test } from 'vitest'
import { assertLocalOptions, isForgetful, readLocalMount } from '../../../engine/volume/local-options.ts'

describe('options of the local driver', () => {
  const check = (options: Record<string, string>, rootless = false) => {
    try {
      assertLocalOptions(options, { rootless })
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  test('what is mounted is named by type, device and o; without them there is only the folder', () => {
    expect(readLocalMount({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m' })).toEqual({
      type: 'tmpfs',
      device: 'tmpfs',
      options: 'size=1m',
    })
    expect(readLocalMount({ type: 'none', device: '/srv' })).toEqual({ type: 'none', device: '/srv', options: '' })
    expect(readLocalMount({})).toBeNull()
  })

  test('what Docker does not know, and what it misses, is named as Docker does', () => {
    expect(check({})).toBe('')
    expect(check({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m' })).toBe('')
    expect(check({ mode: '755' })).toBe('invalid option: "mode"')
    expect(check({ Type: 'tmpfs', device: 'tmpfs' })).toBe('invalid option: "Type"')
    expect(check({ type: 'tmpfs' })).toBe('missing required option: "device"')
    expect(check({ device: '/srv' })).toBe('missing required option: "type"')
    expect(check({ o: 'size=1m' })).toBe('missing required option: "device"')
    expect(check({ o: 'bind', device: '/srv' })).toBe('missing required option: "type"')
    expect(check({ size: '1g' })).toContain('quota size requested but no quota support')
    expect(check({ type: 'none', device: '/srv\0/etc' })).toBe('option "device" has a NUL character')
  })

  test('without root only tmpfs and binds are taken', () => {
    expect(check({ type: 'tmpfs', device: 'tmpfs' }, true)).toBe('')
    expect(check({ type: 'none', device: '/srv', o: 'ro,bind' }, true)).toBe('')
    expect(check({ type: 'nfs', device: ':/srv', o: 'addr=192.0.2.1' }, true)).toContain('mounts no "nfs"')
    expect(check({ type: 'nfs', device: ':/srv', o: 'addr=192.0.2.1' })).toBe('')
  })

  test('only a tmpfs forgets what lies in it', () => {
    expect(isForgetful({ type: 'tmpfs', device: 'tmpfs' })).toBe(true)
    expect(isForgetful({ type: 'tmpfs', device: '/srv', o: 'bind' })).toBe(false)
    expect(isForgetful({ type: 'none', device: '/srv', o: 'bind' })).toBe(false)
    expect(isForgetful({})).toBe(false)
  })
})
