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

  test('connect gives a running container a place, with an alias that others find it by', async () => {
    await it.ok('network', 'create', 'joined')
    const web = (await it.ok('run', '-d', '--name', 'web', 'test/box:1', 'sleep', '60')).trim()
    await it.ok('network', 'connect', '--alias', 'front', 'joined', 'web')
    const [detail] = JSON.parse(await it.ok('inspect', 'web')) as [
      { NetworkSettings: { Networks: Record<string, { Aliases: string[]; DNSNames: string[]; IPAddress: string }> } },
    ]
    const place = detail.NetworkSettings.Networks['joined']
    expect(place).toMatchObject({ Aliases: ['front'], DNSNames: ['web', 'front', web.slice(0, 12)] })
    const lookup = ['--network', 'joined', 'test/box:1', 'nslookup', 'front']
    expect(await it.ok('run', '--rm', ...lookup)).toContain(place?.IPAddress ?? 'an address')
    expect((await it.docker(['network', 'connect', 'joined', 'web'])).stderr).toContain(
      'endpoint with name web already exists in network joined',
    )
    await it.ok('network', 'disconnect', 'joined', 'web')
    await it.ok('rm', '-f', 'web')
  })

  test('a port that names no address is published in both versions of IP, under one number, as ps, port and inspect show', async () => {
    const sleep = ['test/box:1', 'sleep', '600']
    const id = (await it.ok('run', '-d', '-p', '18090:80', '-p', '81', '-p', '0.0.0.0:18091:82', ...sleep)).trim()
    const ps = (await it.ok('ps', '--format', '{{.Ports}}')).trim()
    const chosen = /0\.0\.0\.0:(\d+)->81/.exec(ps)?.[1]
    expect(ps.split(', ').sort()).toEqual(
      [
        '0.0.0.0:18090->80/tcp',
        '[::]:18090->80/tcp',
        `0.0.0.0:${chosen}->81/tcp`,
        `[::]:${chosen}->81/tcp`,
        '0.0.0.0:18091->82/tcp',
      ].sort(),
    )
    expect(await it.ok('port', id, '80')).toBe('0.0.0.0:18090\n[::]:18090\n')
    expect(JSON.parse(await it.ok('inspect', '-f', '{{json (index .NetworkSettings.Ports "80/tcp")}}', id))).toEqual([
      { HostIp: '0.0.0.0', HostPort: '18090' },
      { HostIp: '::', HostPort: '18090' },
    ])
    // What was asked for stays as it was asked for.
    expect(JSON.parse(await it.ok('inspect', '-f', '{{json (index .HostConfig.PortBindings "80/tcp")}}', id))).toEqual([
      { HostIp: '', HostPort: '18090' },
    ])
    await it.ok('rm', '-f', id)
  })

  test('port tells where the ports of a container are: of a range, and of all that its image exposes', async () => {
    const flags = ['-p', '127.0.0.1:18080-18081:80-81', '-p', '127.0.0.1:18090-18099:90/udp', '--expose', '70']
    const id = (await it.ok('run', '-d', '-P', ...flags, 'test/box:1', 'sleep', '60')).trim()
    const lines = (await it.ok('port', id)).trim().split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        '80/tcp -> 127.0.0.1:18080',
        '81/tcp -> 127.0.0.1:18081',
        expect.stringMatching(/^90\/udp -> 127\.0\.0\.1:1809\d$/),
        expect.stringMatching(/^70\/tcp -> 0\.0\.0\.0:\d+$/),
      ]),
    )
    expect(await it.ok('port', id, '81/tcp')).toBe('127.0.0.1:18081\n')
    expect((await it.docker(['port', id, '82'])).stderr).toContain("No public port '82'")
    await it.ok('rm', '-f', id)
  })

  test.each([
    ['70000:80', 'invalid hostPort: 70000'],
    ['80:70000', 'invalid containerPort: 70000'],
    ['8000-8001:80-82', 'invalid ranges specified for container and host Ports: 80-82 and 8000-8001'],
    ['80:0', 'invalid port of the container: "0/tcp" is not 1 to 65535'],
  ])('a port published as %s is refused, and nothing is made', async (port, text) => {
    const { code, stderr } = await it.docker(['create', '-p', port, 'test/box:1', 'true'])
    expect(code).not.toBe(0)
    expect(stderr).toContain(text)
    expect(await it.ok('ps', '-aq')).toBe('')
  })

  test.each([
    ['70000/tcp', '80', /^invalid port of the container: "70000\/tcp"/],
    ['odd/tcp', '80', /^invalid port of the container: "odd\/tcp"/],
    ['80/odd', '80', /^invalid port of the container: "80\/odd" is not 1 to 65535 with tcp, udp/],
    ['80/tcp', '70000', /^invalid port or range of the host: "70000"$/],
    ['80/tcp', '-1', /^invalid port or range of the host: "-1"$/],
  ])('%s at %j of the host is refused by what is wrong, whatever the client', async (key, hostPort, text) => {
    const body = { Image: 'test/box:1', HostConfig: { PortBindings: { [key]: [{ HostPort: hostPort }] } } }
    const type = { 'content-type': 'application/json' }
    const { status, json } = await it.ask('POST', '/containers/create', JSON.stringify(body), type)
    expect({ status, json }).toEqual({ status: 400, json: { message: expect.stringMatching(text) } })
  })
})
