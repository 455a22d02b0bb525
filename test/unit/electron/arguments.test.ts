import { expect, it } from 'vitest'
import { openableIn, optionsIn } from '../../../electron/arguments.ts'

it.each([
  [['slipway', 'image.tar'], ['/home/a/image.tar']],
  [
    ['slipway', '--no-sandbox', '/tmp/x.tar.gz', 'y.TGZ', 'z.tar.zst'],
    ['/tmp/x.tar.gz', '/home/a/y.TGZ', '/home/a/z.tar.zst'],
  ],
  [['slipway', 'file:///tmp/x.tar'], ['/tmp/x.tar']],
  [['slipway', 'file:///tmp/My%20image%20%ED%95%9C.tar'], ['/tmp/My image 한.tar']],
  [['slipway', 'file://elsewhere/x.tar', 'slipway://run/x.tar'], []],
  [['electron', '/opt/app', '--root=/data.tar'], []],
  [['slipway'], []],
])('finds the archives of %j', (argv, expected) => {
  expect(openableIn(argv, '/home/a').archives).toEqual(expected)
})

it('finds links beside archives, in their order', () => {
  const argv = ['slipway', 'slipway://container/web', 'x.tar', 'slipway://run?image=nginx', 'slipway://nonsense/x']
  expect(openableIn(argv, '/home/a')).toEqual({
    archives: ['/home/a/x.tar'],
    links: [
      { type: 'container', name: 'web' },
      { type: 'run', image: 'nginx' },
    ],
  })
})

it.each([
  ['a package', ['/usr/bin/slipway', '--root=/data', '--runtime-dir', '/run/x', '--no-sandbox', 'image.tar']],
  ['sources', ['electron', '/opt/app', '--no-sandbox', '--root=/data', '--runtime-dir=/run/x']],
])('reads the options of %s, the first one too', (_, argv) => {
  expect(optionsIn(argv)).toEqual({ root: '/data', 'runtime-dir': '/run/x' })
})
