import { expect, it } from 'vitest'
import { archivesIn } from '../../../electron/archives.ts'

it.each([
  [['slipway', 'image.tar'], ['/home/a/image.tar']],
  [
    ['slipway', '--no-sandbox', '/tmp/x.tar.gz', 'y.TGZ', 'z.tar.zst'],
    ['/tmp/x.tar.gz', '/home/a/y.TGZ', '/home/a/z.tar.zst'],
  ],
  [['slipway', 'file:///tmp/x.tar'], ['/tmp/x.tar']],
  [['electron', '/opt/app', '--root=/data.tar'], []],
  [['slipway'], []],
])('finds the archives of %j', (argv, expected) => {
  expect(archivesIn(argv, '/home/a')).toEqual(expected)
})
