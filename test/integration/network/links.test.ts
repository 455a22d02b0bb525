import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createLinks } from '../../../engine/keeper/network/links.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)(`a bridge${isRoot ? '' : ' (a namespace of its own needs root)'}`, () => {
  it('that several want at the same moment is made once, and is there for all of them', async () => {
    const base = mkdtempSync(path.join(os.tmpdir(), 'sll-'))
    const netns = `slw-${path.basename(base).slice(4)}`
    execFileSync('ip', ['netns', 'add', netns])
    try {
      const prefix = ['nsenter', `--net=/run/netns/${netns}`]
      const links = createLinks({ prefix, rootless: false, vlanFolder: path.join(base, 'vlans') })
      const wanted = {
        bridge: 'wanted',
        addresses: ['10.5.0.1/24'],
        subnets: ['10.5.0.0/24'],
        mtu: 1500,
        masquerade: true,
        isInternal: false,
        isOpenWithin: true,
        gatewayModes: { ip: 'nat', ip6: 'nat' },
      } as const
      await Promise.all(Array.from({ length: 6 }, () => links.ensureBridge(wanted)))
      expect(await links.exists('wanted')).toBe(true)
    } finally {
      execFileSync('ip', ['netns', 'delete', netns])
      rmSync(base, { recursive: true })
    }
  })
})
