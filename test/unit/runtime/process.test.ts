import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromCreateBody } from '../../../engine/api/rest/codec/create.ts'
import { CreateContainer } from '../../../engine/contract/container.ts'
import { buildHostname, buildHosts, buildResolvConf, isStubResolver } from '../../../engine/runtime/files.ts'
import { addContainerEnv, mergeEnv, parseImageConfig, resolveProcess } from '../../../engine/runtime/process.ts'
import { resolveUser } from '../../../engine/runtime/user.ts'

const image = (config: object) => parseImageConfig(JSON.stringify({ config }))
const request = (over: object) => CreateContainer.parse({ image: 'x', ...over })
const refuses = (reason: string) => expect.objectContaining({ code: 'invalidArgument', reason })

describe('what runs', () => {
  const base = image({ Entrypoint: ['/e'], Cmd: ['c'], Env: ['A=1', 'B=2'], WorkingDir: '/w' })
  const argsOf = (over: object) => resolveProcess(base, request(over)).args
  it('is entrypoint and command by the rules of dockerd', () => {
    expect(argsOf({})).toEqual(['/e', 'c'])
    expect(argsOf({ command: ['x'] })).toEqual(['/e', 'x'])
    expect(argsOf({ entrypoint: ['/o'] })).toEqual(['/o'])
    expect(argsOf({ entrypoint: [''], command: ['x'] })).toEqual(['x'])
    expect(() => argsOf({ entrypoint: [''] })).toThrow(refuses('container.no-command'))
  })
  it("has the image's healthcheck with what was asked laid over it, field by field", () => {
    const checked = image({ Cmd: ['c'], Healthcheck: { Test: ['CMD', 'x'], Interval: 7e9, Retries: 9 } })
    const asked = fromCreateBody({ Image: 'x', Healthcheck: { Interval: 2e9, StartInterval: 1e9 } }, 'c')
    expect(resolveProcess(checked, asked).healthcheck).toEqual({
      test: ['CMD', 'x'],
      intervalSeconds: 2,
      timeoutSeconds: 30,
      startPeriodSeconds: 0,
      startIntervalSeconds: 1,
      retries: 9,
    })
    expect(resolveProcess(base, asked).healthcheck).toBeNull()
    expect(resolveProcess(checked, request({ healthcheck: { test: ['NONE'] } })).healthcheck).toBeNull()
  })
  it('needs an absolute working directory', () => {
    expect(() => resolveProcess(base, request({ workingDir: 'a' }))).toThrow(refuses('workdir.not-absolute'))
  })
  it('has the environment of dockerd, in its order', () => {
    const { env } = resolveProcess(base, request({ env: ['A=9', 'B', 'C=3'] }))
    expect(addContainerEnv(env, { hostname: 'h', tty: true })).toEqual([
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'HOSTNAME=h',
      'TERM=xterm',
      'A=9',
      'C=3',
    ])
    expect(addContainerEnv(['HOSTNAME=mine'], { hostname: 'h', tty: false })).toEqual(['HOSTNAME=mine'])
  })
  it('never has a variable twice', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        const names = mergeEnv(a, b).map((entry) => entry.split('=')[0])
        expect(new Set(names).size).toBe(names.length)
      }),
    )
  })
})

describe('a user', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/sh\nme:x:1000:1001::/home/me:\n0:x:5:5::/evil:\n'
  const group = 'root:x:0:\nme:x:1001:\nwheel:x:10:root,me\nbad:x:ten:me\n'
  const resolve = (user: string) => resolveUser({ user, passwd, group })
  it('is found by name or number, with its groups', () => {
    expect(resolve('me')).toEqual({ uid: 1000, gid: 1001, additionalGids: [1001, 10], home: '/home/me' })
    expect(resolve('1000')).toEqual(resolve('me'))
    expect(resolve('me:wheel')).toMatchObject({ uid: 1000, gid: 10, additionalGids: [10] })
    expect(resolve('7:8')).toMatchObject({ uid: 7, gid: 8, home: '/' })
    expect(resolve('')).toMatchObject({ uid: 0, gid: 0, home: '/root' })
  })
  it('that is a number is never taken for a name', () => {
    expect(resolve('0')).toMatchObject({ uid: 0, home: '/root' })
  })
  it('is refused when unknown or out of range', () => {
    expect(() => resolve('you')).toThrow('unable to find user you: no matching entries in passwd file')
    expect(() => resolve('me:you')).toThrow(refuses('group.unknown'))
    expect(() => resolve('1:2:3')).toThrow(refuses('group.unknown'))
    expect(() => resolve('2147483648')).toThrow(refuses('user.out-of-range'))
    expect(resolveUser({ user: '2147483647', passwd: null, group: null }).uid).toBe(2147483647)
  })
})

describe('the files of a container', () => {
  const hosts = (over: object) =>
    buildHosts({
      hostname: 'h',
      addresses: ['172.17.0.2'],
      hostGateway: '172.17.0.1',
      hasHostName: true,
      extraHosts: [],
      links: [],
      ...over,
    })
  it('name it and the hosts added, in order', () => {
    const lines = hosts({ hostname: 'h.lan', extraHosts: ['gw:host-gateway', 'six:::1'] }).split('\n')
    expect(lines.slice(6)).toEqual([
      '172.17.0.1\tgw',
      '::1\tsix',
      '172.17.0.1\thost.docker.internal',
      '172.17.0.2\th.lan h',
      '',
    ])
  })
  it('name what it is linked to by alias, hostname and name, each once', () => {
    const links = [{ address: '172.17.0.3', names: ['db', 'abc', 'db'] }]
    expect(hosts({ links })).toContain('\n172.17.0.3\tdb abc\n')
  })
  it('let host.docker.internal be another machine when that was asked', () => {
    const text = hosts({ extraHosts: ['host.docker.internal:10.1.1.1'] })
    expect(text.match(/host\.docker\.internal/g)).toHaveLength(1)
    expect(text).toContain('10.1.1.1\thost.docker.internal')
  })
  it('refuse what would add a line', () => {
    for (const entry of ['a\nb:1.2.3.4', 'a:1.2.3.4\n5.6.7.8 b', 'a', ':1.2.3.4', 'a:b'])
      expect(() => hosts({ extraHosts: [entry] })).toThrow(refuses('hosts.invalid'))
    expect(() => hosts({ hostname: 'a\nb' })).toThrow(refuses('hostname.invalid'))
    expect(() => buildHostname('a b')).toThrow(refuses('hostname.invalid'))
  })
  it('name resolvers that it can reach', () => {
    expect(buildResolvConf('nameserver 127.0.0.53\nsearch lan\n')).toBe(
      'nameserver 8.8.8.8\nnameserver 8.8.4.4\nsearch lan\n',
    )
    expect(buildResolvConf('# x\nnameserver 1.1.1.1\nnameserver ::1\n')).toBe('nameserver 1.1.1.1\n')
    expect(buildResolvConf('nameserver 1.1.1.1\n', { nameserver: '10.0.2.3' })).toBe('nameserver 10.0.2.3\n')
    const embedded = { nameserver: '127.0.0.11', search: ['a.b'], dns: ['9.9.9.9'] }
    expect(buildResolvConf('nameserver 1.1.1.1\nsearch lan\n', embedded)).toBe(
      'nameserver 127.0.0.11\nsearch a.b\noptions ndots:0\n',
    )
    expect(buildResolvConf('nameserver 1.1.1.1\n', { dns: ['9.9.9.9'] })).toBe('nameserver 9.9.9.9\n')
    expect(isStubResolver('nameserver 127.0.0.53\noptions edns0\n')).toBe(true)
  })
})
