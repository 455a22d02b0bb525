import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const refusalOf = (what: string) => `Error response from daemon: ${what} is not implemented here\n`

describe.skipIf(!hasDocker)('networks by the stock docker command', () => {
  let it: DockerTest
  const names = async (...filters: string[]) => {
    const out = await it.ok(
      'network',
      'ls',
      '--format',
      '{{.Name}}',
      ...filters.flatMap((filter) => ['--filter', filter]),
    )
    return out.trim().split('\n').filter(Boolean).sort()
  }

  beforeAll(async () => {
    it = await startDocker()
  })
  afterEach(() => it.ok('network', 'prune', '--force'))
  afterAll(() => it?.engine.destroy())

  test('prune leaves what is younger than until and what has a label that must not be', async () => {
    await it.ok('network', 'create', '--label', 'keep', 'kept')
    await it.ok('network', 'create', 'plain')
    await it.ok('network', 'prune', '--force', '--filter', 'until=24h')
    expect(await names('type=custom')).toEqual(['kept', 'plain'])
    await it.ok('system', 'prune', '--force', '--filter', 'until=24h')
    expect(await names('type=custom')).toEqual(['kept', 'plain'])
    await it.ok('system', 'prune', '--force', '--filter', 'label!=keep')
    expect(await names('type=custom')).toEqual(['kept'])
    await it.ok('network', 'prune', '--force', '--filter', 'until=0s')
    expect(await names('type=custom')).toEqual([])
  })

  test('ls shows networks of a type, and those that no container is on', async () => {
    await it.ok('network', 'create', 'used')
    await it.ok('network', 'create', 'unused')
    const id = (await it.ok('create', '--network', 'used', 'test/box:1', 'true')).trim()
    expect(await names('type=builtin')).toEqual(['bridge', 'host', 'none'])
    expect(await names('type=custom')).toEqual(['unused', 'used'])
    expect(await names('dangling=true')).toEqual(['unused'])
    expect(await names('dangling=false')).toEqual(['bridge', 'host', 'none', 'used'])
    expect((await it.docker(['network', 'ls', '--filter', 'type=odd'])).stderr).toContain("invalid filter 'type=odd'")
    await it.ok('rm', id)
  })

  test.each([
    ['--ipv4=false', 'a network without IPv4 (--ipv4=false)'],
    ['--config-only', 'a network that is a configuration alone (--config-only)'],
    ['--config-from=other', 'the configuration of another network (--config-from other)'],
    ['--ipam-driver=dhcp', 'the IPAM driver "dhcp"'],
  ])('create refuses %s by its name', async (flag, what) => {
    const { code, stderr } = await it.docker(['network', 'create', flag, 'odd'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: refusalOf(what) })
    expect(await names('type=custom')).toEqual([])
  })

  test('a place on a network refuses what it has not by its name, at create and when connected', async () => {
    await it.ok('network', 'create', 'plain')
    const id = (await it.ok('create', 'test/box:1', 'true')).trim()
    const connect = async (...flags: string[]) =>
      (await it.docker(['network', 'connect', ...flags, 'plain', id])).stderr
    const local = refusalOf('a link-local address (--link-local-ip)')
    expect(await connect('--link-local-ip', '169.254.7.7')).toBe(local)
    expect(await connect('--driver-opt', 'a.b=c')).toBe(refusalOf("the endpoint's option a.b"))
    const place = ['--network', 'name=plain,driver-opt=a.b=c']
    expect((await it.docker(['create', ...place, 'test/box:1', 'true'])).stderr).toContain(
      refusalOf("the endpoint's option a.b"),
    )
    expect(await it.ok('inspect', '--format', '{{len .NetworkSettings.Networks}}', id)).toBe('1\n')
    await it.ok('rm', id)
  })
})
