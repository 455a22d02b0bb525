import { describe, expect, it } from 'vitest'
import { choosePlatform, formatPlatform, parsePlatform } from '../../../engine/lib/platform.ts'

const amd64 = { os: 'linux', architecture: 'amd64' }
const entry = (id: string, os: string, architecture: string, variant?: string) => ({
  id,
  platform: { os, architecture, ...(variant ? { variant } : {}) },
})

describe('platforms', () => {
  it('are written as os/architecture/variant, the os left out or not', () => {
    expect(parsePlatform('arm64', amd64)).toEqual({ os: 'linux', architecture: 'arm64' })
    expect(parsePlatform('', amd64)).toEqual(amd64)
    expect(formatPlatform(parsePlatform('linux/arm/v6', amd64))).toBe('linux/arm/v6')
  })

  it('are chosen by os, architecture and the highest variant that fits', () => {
    const index = [
      entry('windows', 'windows', 'amd64'),
      entry('v5', 'linux', 'arm', 'v5'),
      entry('v6', 'linux', 'arm', 'v6'),
      entry('v7', 'linux', 'arm', 'v7'),
      entry('amd', 'linux', 'amd64'),
      entry('arm64', 'linux', 'arm64', 'v8'),
    ]
    expect(choosePlatform(index, amd64)?.id).toBe('amd')
    expect(choosePlatform(index, { os: 'linux', architecture: 'arm', variant: 'v6' })?.id).toBe('v6')
    expect(choosePlatform(index, { os: 'linux', architecture: 'arm' })?.id).toBe('v7')
    expect(choosePlatform(index, { os: 'linux', architecture: 'arm64' })?.id).toBe('arm64')
    expect(choosePlatform(index, { os: 'linux', architecture: 's390x' })).toBeUndefined()
  })

  it('are never those of a build record', () => {
    const record = { ...entry('record', 'unknown', 'unknown'), annotations: {} }
    const other = { id: 'other', annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }
    expect(choosePlatform([record, other], amd64)).toBeUndefined()
    expect(choosePlatform([record, { platform: null }], amd64)).toEqual({ platform: null })
  })
})
