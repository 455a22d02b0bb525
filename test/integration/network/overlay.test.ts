import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClusterHost, type ClusterTest, clusterLack, startCluster } from '../../helpers/cluster.ts'
import { waitUntil } from '../../helpers/engine.ts'

const PREFIX = '/slipway/v1/'
const IMAGE = 'test/box:1'
/** A lease of five seconds, and etcd's own time to see that it is over. */
const LOSS_MS = 30_000
let cluster: ClusterTest
let a: ClusterHost
let b: ClusterHost
let network: string

const sleeper = (host: ClusterHost, name: string, ...options: string[]) =>
  host.ok('run', '-d', '--name', name, '--network', 'shop', ...options, IMAGE, 'sleep', '600')
const addressOf = (host: ClusterHost, name: string) =>
  host.ok('inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', name)
const canReach = async (host: ClusterHost, from: string, to: string) =>
  (await host.docker('exec', from, 'ping', '-c', '1', '-W', '2', to)).code === 0
const onHost = ({ inside: [command = '', ...args] }: ClusterHost, ...argv: string[]) =>
  execFileSync(command, [...args, ...argv]).toString()
const makeSecret = () => a.docker('network', 'create', '-d', 'overlay', '--opt', 'encrypted', 'secret')
/** Containers of other hosts that a host's tunnel leads to. */
const paths = (host: ClusterHost) =>
  onHost(host, 'bridge', 'fdb', 'show', 'dev', `vx-${network.slice(0, 12)}`)
    .split('\n')
    .filter((line) => / dst /.test(line))
const hasEsp = (host: ClusterHost) => {
  const id = ['src', '192.0.2.1', 'dst', '192.0.2.2', 'proto', 'esp', 'spi', '0x999']
  try {
    onHost(
      host,
      'ip',
      'xfrm',
      'state',
      'add',
      ...id,
      'mode',
      'transport',
      'aead',
      'rfc4106(gcm(aes))',
      `0x${'00'.repeat(36)}`,
      '128',
    )
    onHost(host, 'ip', 'xfrm', 'state', 'delete', ...id)
    return true
  } catch {
    return false
  }
}

describe.skipIf(clusterLack !== '')(`an overlay network of two hosts${clusterLack && ` (${clusterLack})`}`, () => {
  beforeAll(async () => {
    cluster = await startCluster()
    ;[a, b] = cluster.hosts
    network = await a.ok('network', 'create', '-d', 'overlay', 'shop')
    await waitUntil(async () => (await b.ok('network', 'ls', '-f', 'scope=global', '-q')) === network.slice(0, 12))
  })
  afterAll(() => cluster?.destroy())

  it('joins containers by address and by name, and leads to the outside', async () => {
    await Promise.all([sleeper(a, 'one'), sleeper(b, 'two')])
    expect(await canReach(a, 'one', await addressOf(b, 'two'))).toBe(true)
    await waitUntil(() => canReach(a, 'one', 'two'))
    await waitUntil(() => canReach(b, 'two', 'one.shop'))
    expect(await canReach(a, 'one', '10.231.0.1')).toBe(true)
    const peers = async (host: ClusterHost) =>
      JSON.parse(await host.ok('network', 'inspect', '-f', '{{json .Peers}}', 'shop')) as { IP: string }[]
    expect((await peers(a)).map(({ IP }) => IP)).toEqual([b.address])
    expect((await peers(b)).map(({ IP }) => IP)).toEqual([a.address])
  })

  it('joins containers by IPv6 too where it has both, by name as well, and forgets those that go', async () => {
    const id = await a.ok('network', 'create', '-d', 'overlay', '--ipv6', '--subnet', 'fd77:1::/64', 'both')
    await waitUntil(async () => (await b.docker('network', 'inspect', 'both')).code === 0)
    for (const [host, name] of [
      [a, 'here'],
      [b, 'there'],
    ] as const)
      await host.ok('run', '-d', '--name', name, '--network', 'both', IMAGE, 'sleep', '600')
    const facts = await b.ok('inspect', '-f', '{{json .NetworkSettings.Networks.both}}', 'there')
    const { IPAddress, GlobalIPv6Address } = JSON.parse(facts) as Record<string, string>
    expect(GlobalIPv6Address).toMatch(/^fd77:1::/)
    for (const address of [IPAddress ?? '', GlobalIPv6Address ?? ''])
      await waitUntil(() => canReach(a, 'here', address), address)
    await waitUntil(async () => {
      const { stdout } = await a.docker('exec', 'here', 'nslookup', '-type=aaaa', 'there')
      return stdout.includes(GlobalIPv6Address ?? '')
    })
    const neighbours = () => onHost(a, 'ip', '-6', 'neigh', 'show', 'dev', `vx-${id.slice(0, 12)}`)
    expect(neighbours()).toContain(`${GlobalIPv6Address} `)
    const narrow = ['--opt', 'com.docker.network.driver.mtu=1300', 'narrow']
    const refused = await a.docker('network', 'create', '-d', 'overlay', '--ipv6', ...narrow)
    expect(refused.stderr).toContain('leaves 1250 bytes to containers, and IPv6 needs 1280')
    await b.ok('rm', '-f', 'there')
    await waitUntil(() => !neighbours().includes(GlobalIPv6Address ?? ''))
    await a.ok('rm', '-f', 'here')
    await waitUntil(async () => (await a.docker('network', 'rm', 'both')).code === 0)
  })

  it('serves a published port to the outside and large answers to the other host', async () => {
    const serve = 'echo hello >/tmp/index.html; exec httpd -f -p 80 -h /tmp'
    await b.ok('run', '-d', '--name', 'web', '--network', 'shop', '-p', '8080:80', IMAGE, 'sh', '-c', serve)
    const page = `const answer = await fetch('http://${b.address}:8080/'); console.log(await answer.text())`
    await waitUntil(async () => (await cluster.outside(page).catch(() => '')).trim() === 'hello')
    const service = async () => (await a.docker('exec', 'one', 'nslookup', '-type=srv', '_http._tcp.web')).stdout
    await expect.poll(service, { timeout: 10_000 }).toContain('service = 0 1 80 web.shop')
    await b.ok(
      'exec',
      'web',
      'sh',
      '-c',
      'i=0; while [ $i -lt 9000 ]; do echo "line $i of a page"; i=$((i+1)); done >/tmp/big',
    )
    const sizeOf = (host: ClusterHost, name: string, script: string) => host.ok('exec', name, 'sh', '-c', script)
    const want = await sizeOf(b, 'web', 'cat /tmp/big | wc -c')
    await waitUntil(() => canReach(a, 'one', 'web'))
    expect(await sizeOf(a, 'one', 'wget -q -O - http://web/big | wc -c')).toBe(want)
  })

  it('gives no address twice when both hosts start containers at once, and stays while one has any', async () => {
    const starts = [a, b].flatMap((host, side) => [0, 1, 2].map((one) => [host, `many-${side}-${one}`] as const))
    await Promise.all(starts.map(([host, name]) => sleeper(host, name)))
    const addresses = await Promise.all(starts.map(([host, name]) => addressOf(host, name)))
    expect(new Set(addresses).size).toBe(6)
    await Promise.all([a, b].map((host, side) => host.ok('rm', '-f', ...[0, 1, 2].map((one) => `many-${side}-${one}`))))
    await waitUntil(() => paths(a).length === 2)
    await a.ok('rm', '-f', 'one')
    const refused = await a.docker('network', 'rm', 'shop')
    expect(refused.stderr).toMatch(/active endpoints in the cluster.*two/)
    await sleeper(a, 'one')
  })

  it('believes nothing that a stranger writes into the store', async () => {
    const host = 'e'.repeat(16)
    const names = ['one', 'evil']
    const endpoint = { host, name: 'evil', ipv4: '10.0.1.99', ipv6: '', mac: '02:42:0a:00:01:63', names }
    const address = await addressOf(b, 'two')
    const container = (digit: string) => digit.repeat(64)
    await cluster.etcd.put({
      [`${PREFIX}hosts/${host}`]: JSON.stringify({ name: 'evil', address: '10.231.0.66', boot: '' }),
      [`${PREFIX}networks/${container('f')}`]: '{"name":"shop"}',
      [`${PREFIX}endpoints/${network}/${container('1')}`]: JSON.stringify({ ...endpoint, mac: 'x\nlink del lo' }),
      [`${PREFIX}endpoints/${network}/${container('2')}`]: JSON.stringify({ ...endpoint, ipv4: address }),
      [`${PREFIX}endpoints/${network}/${container('3')}`]: JSON.stringify({ ...endpoint, ipv4: '192.168.1.1' }),
      [`${PREFIX}addresses/${network}/192.168.1.1`]: JSON.stringify({ host, container: container('3') }),
      [`${PREFIX}nonsense`]: '\u0000{',
    })
    await waitUntil(() => (a.log().match(/cluster value ignored/g) ?? []).length >= 3)
    expect(await canReach(a, 'one', 'two')).toBe(true)
    expect(paths(a).join()).not.toContain('10.231.0.66')
    for (const [on, from] of [
      [a, 'one'],
      [b, 'two'],
    ] as const) {
      expect((await on.docker('exec', from, 'nslookup', 'evil')).code).not.toBe(0)
      expect((await on.docker('exec', from, 'nslookup', 'one')).stdout).not.toContain('10.0.1.99')
      expect((await on.docker('exec', from, 'nslookup', 'one')).stdout).toContain(await addressOf(a, 'one'))
    }
    await cluster.etcd.remove(
      ['hosts/ee', 'networks/ff', 'nonsense', `addresses/${network}/192.168.1.1`]
        .concat(['1', '2', '3'].map((digit) => `endpoints/${network}/${container(digit)}`))
        .map((key) => PREFIX + key),
    )
  })

  it('leads to a hundred containers of another host, and to none when that is gone', async () => {
    const host = 'd'.repeat(16)
    const values: Record<string, string> = {
      [`${PREFIX}hosts/${host}`]: JSON.stringify({ name: 'large', address: '10.231.0.13', boot: '' }),
    }
    for (let index = 100; index < 200; index += 1) {
      const [container, ipv4, mac] = [
        `${index}`.padEnd(64, '0'),
        `10.0.1.${index}`,
        `02:42:0a:00:01:${index.toString(16)}`,
      ]
      const names = [`far-${index}`]
      values[`${PREFIX}addresses/${network}/${ipv4}`] = JSON.stringify({ host, container })
      values[`${PREFIX}endpoints/${network}/${container}`] = JSON.stringify({
        host,
        name: names[0],
        ipv4,
        ipv6: '',
        mac,
        names,
      })
    }
    await cluster.etcd.put(values)
    const far = () => paths(a).filter((line) => line.includes('dst 10.231.0.13')).length
    await waitUntil(() => far() === 100)
    const neighbours = () => onHost(a, 'ip', 'neigh', 'show', 'dev', `vx-${network.slice(0, 12)}`)
    expect(neighbours().match(/PERMANENT/g)?.length).toBeGreaterThanOrEqual(100)
    await waitUntil(async () => (await a.docker('exec', 'one', 'nslookup', 'far-150')).stdout.includes('10.0.1.150'))
    await cluster.etcd.remove([`${PREFIX}hosts/${host}`])
    await waitUntil(() => far() === 0 && !neighbours().includes('10.0.1.150'))
    await cluster.etcd.remove(Object.keys(values))
  })

  it('goes on while etcd is away, says so to who wants more, and follows again when it is back', async () => {
    await cluster.etcd.stop()
    expect(await canReach(a, 'one', 'two')).toBe(true)
    const refused = await a.docker('run', '-d', '--name', 'late', '--network', 'shop', IMAGE, 'sleep', '600')
    expect(refused.stderr).toContain('the cluster store http://10.231.0.1:2379 does not answer')
    expect((await a.docker('network', 'create', '-d', 'overlay', 'other')).stderr).toContain('does not answer')
    await cluster.etcd.start()
    await waitUntil(async () => (await a.docker('start', 'late')).code === 0)
    await waitUntil(() => canReach(b, 'two', 'late'))
    expect(await canReach(a, 'one', 'two')).toBe(true)
  })

  it('is refused with encryption where the kernel has none, and leaves nothing behind', async (context) => {
    context.skip(hasEsp(a), 'this kernel has ESP')
    const made = await makeSecret()
    expect(made.stderr).toMatch(/cannot encrypt overlay networks with IPsec.*modprobe -a esp4/)
    expect(Object.values(await cluster.etcd.read(`${PREFIX}networks/`)).join()).not.toContain('secret')
    expect(onHost(a, 'ip', '-o', 'link').match(/vx-/g)).toHaveLength(1)
  })

  it('carries what is encrypted, and takes the keys along when it goes', async (context) => {
    context.skip(!hasEsp(a), 'this kernel has no ESP (modprobe -a esp4 esp6)')
    const made = await makeSecret()
    expect(made.stderr).toBe('')
    await waitUntil(async () => (await b.docker('network', 'inspect', 'secret')).code === 0)
    for (const host of [a, b])
      await host.ok('run', '-d', '--name', 'safe', '--network', 'secret', IMAGE, 'sleep', '600')
    const other = await b.ok('inspect', '-f', '{{.NetworkSettings.Networks.secret.IPAddress}}', 'safe')
    await waitUntil(() => canReach(a, 'safe', other))
    expect(onHost(a, 'ip', '-s', 'xfrm', 'state')).toMatch(/lifetime current:\s+[1-9]\d*\(bytes\)/)
    for (const host of [a, b]) await host.ok('rm', '-f', 'safe')
    await waitUntil(async () => (await a.docker('network', 'rm', 'secret')).code === 0)
    await waitUntil(() => onHost(a, 'ip', 'xfrm', 'state').trim() === '')
  })

  it('loses a host that dies with all that was on it, and has it back without what others took', async () => {
    const [two, web] = await Promise.all([addressOf(b, 'two'), addressOf(b, 'web')])
    await b.kill(true)
    await waitUntil(
      async () => !(await a.ok('network', 'inspect', 'shop')).includes('Peers'),
      'the loss of the host',
      LOSS_MS,
    )
    await waitUntil(() => paths(a).length === 0)
    await sleeper(a, 'heir', '--ip', two)
    await b.start()
    await waitUntil(async () => (await b.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'two')) === '{}')
    expect(b.log()).toContain('container disconnected: another host has its address now')
    expect(await addressOf(b, 'web')).toBe(web)
    await waitUntil(() => canReach(a, 'one', 'web'))
    expect(await canReach(a, 'one', two)).toBe(true)
  })

  it('goes with everything it had', async () => {
    for (const host of [a, b]) await host.ok('rm', '-f', ...(await host.ok('ps', '-aq')).split('\n'))
    await waitUntil(async () => (await b.docker('network', 'rm', 'shop')).code === 0)
    await waitUntil(async () => (await a.ok('network', 'ls', '-f', 'scope=global', '-q')) === '')
    for (const host of [a, b]) expect(onHost(host, 'ip', '-o', 'link')).not.toMatch(/vx-|br-/)
    for (const kind of ['networks', 'addresses', 'endpoints'])
      expect(await cluster.etcd.read(`${PREFIX}${kind}/`)).toEqual({})
  })
})
