import { describe, expect, it } from 'vitest'
import { parseBind, readMounts } from '../../../../engine/api/rest/codec/create-mounts.ts'

describe('a bind', () => {
  it('names a folder of the host, a volume, or nothing', () => {
    expect(parseBind('/a:/b:ro,rslave,nocopy')).toMatchObject({
      type: 'bind',
      source: '/a',
      target: '/b',
      readOnly: true,
      propagation: 'rslave',
      createSource: true,
    })
    expect(parseBind('name:/b')).toMatchObject({ type: 'volume', source: 'name', createSource: false })
    expect(parseBind('/b')).toEqual({ type: 'volume', target: '/b' })
  })
  it.each([':/b', '/a:b', '/a:/b:ro:x', '/a:/b:huh', 'b'])('%s is refused', (text) => {
    expect(() => parseBind(text)).toThrow(expect.objectContaining({ code: 'invalidArgument' }))
  })
})

describe('mounts', () => {
  const mounts = (...Mounts: object[]) => readMounts({}, { Mounts })
  it('come in every form', () => {
    expect(
      mounts(
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 5, Mode: 0o700, Options: [['exec']] } },
        {
          Type: 'volume',
          Source: 'v',
          Target: '/v',
          VolumeOptions: {
            NoCopy: true,
            Subpath: 'a/b',
            Labels: { k: 'l' },
            DriverConfig: { Name: 'nfs', Options: { o: 'ro' } },
          },
        },
        { Type: 'bind', Source: '/s', Target: '/b', BindOptions: { Propagation: 'shared', NonRecursive: true } },
      ),
    ).toMatchObject([
      { type: 'tmpfs', options: ['size=5', 'mode=700', 'exec'] },
      { type: 'volume', noCopy: true, subpath: 'a/b', labels: { k: 'l' }, driver: 'nfs', driverOptions: { o: 'ro' } },
      { type: 'bind', propagation: 'shared', isRecursive: false, createSource: false },
    ])
  })
  it.each([
    [{ Type: 'npipe', Target: '/a' }, 'mount type unknown'],
    [{ Type: 'bind', Target: '/a' }, 'field Source must not be empty'],
    [{ Type: 'volume', Target: 'a' }, 'mount path must be absolute'],
    [{ Type: 'volume', Target: '/a', VolumeOptions: { Subpath: 'x' } }, 'anonymous volumes'],
    [{ Type: 'tmpfs', Target: '/a', TmpfsOptions: { Options: [['lowerdir', '/etc']] } }, 'invalid tmpfs option'],
  ])('that make no sense are refused: %j', (mount, text) => {
    expect(() => mounts(mount)).toThrow(text)
  })
  it('leave no second, anonymous volume where a bind has its target', () => {
    expect(readMounts({ Volumes: { '/a': {}, '/b': {} } }, { Binds: ['v:/a'] })).toHaveLength(2)
  })
})
