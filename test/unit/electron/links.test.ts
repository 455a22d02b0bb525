import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { parseLink } from '../../../electron/links.ts'

describe('links', () => {
  it.each([
    ['slipway://container/web', { type: 'container', name: 'web' }],
    ['slipway://network/my-net_1.0', { type: 'network', name: 'my-net_1.0' }],
    ['slipway://volume/data', { type: 'volume', name: 'data' }],
    ['slipway://image/nginx:1.25', { type: 'image', name: 'nginx:1.25' }],
    ['slipway://image/localhost:5000/team/app', { type: 'image', name: 'localhost:5000/team/app' }],
    ['slipway://run?image=nginx', { type: 'run', image: 'nginx' }],
    ['slipway://pull?image=ghcr.io%2Fowner%2Fapp%3A2', { type: 'pull', image: 'ghcr.io/owner/app:2' }],
    ['SLIPWAY://run?image=nginx', { type: 'run', image: 'nginx' }],
  ])('%s leads where it says', (text, link) => {
    expect(parseLink(text)).toEqual(link)
  })

  it.each([
    '',
    'slipway:',
    'slipway://',
    'slipway:container/web',
    'slipway://container/',
    'slipway://container/web/',
    'slipway://container/../../etc/passwd',
    'slipway://container/..%2f..%2fetc',
    'slipway://container/%00',
    'slipway://container/a%20b',
    'slipway://container/%E0%A4%A',
    'slipway://container/web?x=1',
    'slipway://container/web#x',
    'slipway://user:secret@container/web',
    'slipway://container:80/web',
    'slipway://container/-rf',
    'slipway://__proto__/x',
    'slipway://constructor/x',
    'slipway://run',
    'slipway://run/?image=nginx&image=other',
    'slipway://run?image=nginx&command=rm',
    'slipway://run?image=',
    'slipway://run?image=UPPER',
    'slipway://run?image=--privileged',
    'slipway://run?image=nginx%0A--privileged',
    'slipway://run?image=javascript:alert(1)',
    'slipway://remove/web',
    'slipway://image/<script>',
    'slipway-app://window/index.html',
    'https://container/web',
    'file:///etc/passwd',
    ' slipway://container/web',
    'slipway://container/web\n',
    'slipway:\\\\container\\web',
    `slipway://container/${'a'.repeat(300)}`,
    `slipway://run?image=${'a'.repeat(2000)}`,
  ])('%j is no link', (text) => {
    expect(parseLink(text)).toBeNull()
  })

  test('no text whatever makes it throw, or give anything but a declared link', () => {
    const types = ['container', 'network', 'volume', 'image', 'run', 'pull']
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `slipway://${text}`),
        ),
        (text) => {
          const link = parseLink(text)
          expect(link === null || types.includes(link.type)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})
