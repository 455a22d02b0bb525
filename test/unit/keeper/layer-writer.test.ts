import { describe, expect, it } from 'vitest'
import { createLayerWriter } from '../../../engine/keeper/unpack/layer-writer.ts'
import type { TarHeader } from '../../../engine/lib/tar-headers.ts'

/** An entry for the layer's own folder: it is remembered until the end, and nothing is written for it. */
const header: TarHeader = {
  ...{ name: './', linkName: '', type: 'directory', size: 0, mode: 0o755 },
  ...{ uid: 0, gid: 0, mtime: 0, major: 0, minor: 0, xattrs: null },
}

describe('the writer of a layer', () => {
  it('takes four million entries and no more', () => {
    const writer = createLayerWriter({ rootless: false, names: 'layer' })
    for (let count = 0; count < 4_000_000; count += 1) writer.begin(header)
    expect(() => writer.begin(header)).toThrow(
      expect.objectContaining({
        reason: 'layer.too-many-entries',
        message: expect.stringContaining('4000000 entries'),
      }),
    )
  })

  it('keeps no more than it may of the attributes of folders', () => {
    const writer = createLayerWriter({ rootless: false, names: 'layer' })
    const xattrs = new Map([['user.large', Buffer.alloc(32 * 1024 * 1024)]])
    for (let count = 0; count < 4; count += 1) writer.begin({ ...header, xattrs })
    expect(() => writer.begin({ ...header, xattrs })).toThrow(
      expect.objectContaining({ reason: 'layer.too-many-entries', message: expect.stringContaining('attributes') }),
    )
  })
})
