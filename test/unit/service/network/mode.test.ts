import { describe, expect, it } from 'vitest'
import { CreateContainer } from '../../../../engine/contract/container.ts'
import { parseLink } from '../../../../engine/service/network/links.ts'
import { assertModeFits, parseNetworkMode } from '../../../../engine/service/network/mode.ts'
import { dnsNamesOf } from '../../../../engine/service/network/names.ts'

describe('a network mode', () => {
  it('is the host’s, another container’s, none, or a network', () => {
    expect(parseNetworkMode('host')).toEqual({ kind: 'host' })
    expect(parseNetworkMode('container:web')).toEqual({ kind: 'container', container: 'web' })
    expect(parseNetworkMode('default')).toEqual({ kind: 'network', network: 'bridge' })
    expect(parseNetworkMode('mine')).toEqual({ kind: 'network', network: 'mine' })
  })

  it('refuses what belongs to the other container, in Docker’s words', () => {
    const check = (over: object) => () => {
      const config = CreateContainer.parse({ image: 'i', network: 'container:web', ...over })
      assertModeFits(parseNetworkMode(config.network), config)
    }
    expect(check({ ports: [{ containerPort: 80 }] })).toThrow(
      'conflicting options: port publishing and the container type network mode',
    )
    for (const over of [{ hostname: 'h' }, { dns: ['1.1.1.1'] }, { links: ['a'] }, { extraHosts: ['a:1.1.1.1'] }])
      expect(check(over), JSON.stringify(over)).toThrow('conflicting options')
    expect(check({})).not.toThrow()
  })
})

describe('a link', () => {
  it('names a container and what it is called', () => {
    expect(parseLink('mysql')).toEqual({ container: 'mysql', alias: 'mysql' })
    expect(parseLink('/mysql:/web/db')).toEqual({ container: '/mysql', alias: 'db' })
    for (const text of ['', ':db', 'a:b:c', 'a:b c', 'a:b\nc'])
      expect(() => parseLink(text), text).toThrow('bad format')
  })
})

describe('the names of a container', () => {
  it('are its name, aliases, short id and hostname, each once', () => {
    const record = { id: '0123456789abcdef', name: 'web', hostname: '0123456789ab' }
    expect(dnsNamesOf(record, { aliases: ['www', 'web'] })).toEqual(['web', 'www', '0123456789ab'])
  })
})
