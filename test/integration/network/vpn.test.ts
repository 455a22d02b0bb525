import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasDocker } from '../../helpers/docker.ts'
import { type EngineMachine, IMAGE, MACHINE, startEngineMachine } from '../../helpers/engine-machine.ts'
import { runInside } from '../../helpers/inside.ts'

const isRoot = process.getuid?.() === 0
const why = !isRoot ? 'namespaces of their own need root' : hasDocker ? '' : 'it needs docker'
/** A host that is behind either way. */
const FAR = '198.51.100.9'
/** One of the company that the VPN leads to. */
const COMPANY = '172.20.0.9'
const TUNNEL = '10.99.0.1'
/** Routes by which VPN clients take everything over and leave the default route as it was. */
const EVERYTHING = ['0.0.0.0/1', '128.0.0.0/1']
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12']
/** Datagrams of one flow, whose port stays, and what is answered to each. */
const FLOW = `const socket = require('dgram').createSocket('udp4')
  socket.on('message', (text) => console.log(String(text))).on('error', () => {})
  socket.bind(5000, () => setInterval(() => socket.send('?', 7001, '${FAR}', () => {}), 200))`

/*
 * The far host is there twice, and says who asks and which of the two it is:
 *
 *   machine  up0  10.231.0.1 ── up1  10.231.0.2  others  198.51.100.9
 *            tun0 10.99.0.1  ── tun1 10.99.0.2   vpn     198.51.100.9, 172.20.0.9
 */
describe.skipIf(why !== '')(`with a VPN that comes and goes${why && ` (${why})`}`, () => {
  let t: EngineMachine
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await t.docker(args)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    return stdout.trim()
  }
  const ask = (address: string, container = 'client') => ok('exec', container, 'nc', '-w', '2', address, '7000')
  const lookUp = (name: string) => ok('exec', 'client', 'nslookup', '-type=a', name)
  const route = (verb: 'add' | 'del', subnets: readonly string[]) => {
    for (const subnet of subnets) t.ip('machine', `route ${verb} ${subnet} via 10.99.0.2 dev tun0`)
  }
  const subnetOf = (network: string) => ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', network)
  /** Answers datagrams with the value of an expression, which sees `data`, `from` and `dns`. */
  const answerDatagrams = async (name: string, port: number, expression: string) => {
    const script = `const dns = require('dns-packet'), socket = require('dgram').createSocket('udp4')
      socket.on('message', (data, from) => socket.send(${expression}, from.port, from.address))
      socket.bind(${port}, '${FAR}', () => console.log('up'))`
    const { stdout } = t.spawn(name, [process.execPath, '-e', script])
    if (stdout) await once(stdout, 'data')
  }
  /** The far host as a resolver, which knows every name by an address that tells which of the two it is. */
  const resolver = (address: string) =>
    `(({ id, questions: [{ name, type }] }) => dns.encode({ id, type: 'response', questions: [{ name, type }],
      answers: type === 'A' ? [{ name, type, ttl: 0, data: '${address}' }] : [] }))(dns.decode(data))`

  beforeAll(async () => {
    t = await startEngineMachine({ applets: ['sh', 'echo', 'nc', 'nslookup', 'sleep'] })
    t.addHost('vpn')
    t.ip('machine', `link add tun0 type veth peer name tun1 netns ${t.netns('vpn')}`)
    t.ip('machine', `addr add ${TUNNEL}/24 dev tun0`)
    t.ip('machine', 'link set tun0 up')
    t.ip('vpn', 'addr add 10.99.0.2/24 dev tun1')
    t.ip('vpn', 'link set tun1 up')
    t.ip('vpn', `addr add ${COMPANY}/32 dev lo`)
    for (const name of ['others', 'vpn']) {
      t.ip(name, `addr add ${FAR}/32 dev lo`)
      await t.serve(name, 7000, `'${name} ' + socket.remoteAddress.replace('::ffff:', '')`)
      await answerDatagrams(name, 7001, `'${name} ' + from.address`)
      await answerDatagrams(name, 53, resolver(name === 'vpn' ? COMPANY : '192.0.2.9'))
    }
    await t.startShop(['--dns', FAR])
  })
  afterAll(() => t?.destroy())

  it('containers that run go out by it, in flows that were there before too, and back when it ends', async () => {
    const pid = Number(await ok('inspect', '-f', '{{.State.Pid}}', 'client'))
    const flow = runInside(pid, 'rootful', FLOW)
    const via = async (way: string) => {
      expect(await ask(FAR)).toBe(way)
      await expect.poll(() => flow.line(), { timeout: 5000 }).toBe(way)
    }
    await via(`others ${MACHINE}`)
    route('add', EVERYTHING)
    await via(`vpn ${TUNNEL}`)
    route('del', EVERYTHING)
    await via(`others ${MACHINE}`)
    await flow.end()
  })

  it('published ports and names go on, and names outside are asked by the VPN too', async () => {
    expect(await lookUp('intranet.test')).toContain('192.0.2.9')
    route('add', EVERYTHING)
    expect(t.ask('others', MACHINE, 8080)).toBe('inside')
    expect(t.ask('machine', MACHINE, 8080)).toBe('inside')
    expect(t.ask('vpn', TUNNEL, 8080)).toBe('inside')
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', 'web')
    expect(await lookUp('web')).toContain(address)
    expect(await lookUp('intranet.test')).toContain(COMPANY)
    route('del', EVERYTHING)
  })

  it('networks that are made meanwhile keep away from what it leads to, and reach it', async () => {
    route('add', [...EVERYTHING, ...PRIVATE])
    await ok('network', 'create', 'beside')
    expect(await subnetOf('beside')).toMatch(/^192\.168\./)
    await ok(
      'run',
      '-d',
      '--stop-timeout',
      '0',
      '--name',
      'guest',
      '--network',
      'beside',
      '-p',
      '8081:80',
      IMAGE,
      'sleep',
      '600',
    )
    for (const address of [FAR, COMPANY]) expect(await ask(address, 'guest')).toBe(`vpn ${TUNNEL}`)
    await ok('rm', '-f', 'guest')
    await ok('network', 'rm', 'beside')
    route('del', [...EVERYTHING, ...PRIVATE])
    route('add', EVERYTHING)
    await ok('network', 'create', 'usual')
    expect(await subnetOf('usual')).toMatch(/^172\./)
    await ok('network', 'rm', 'usual')
    route('del', EVERYTHING)
  })

  it('networks keep away from what it leads to by a table of its own, in both versions of IP', async () => {
    const route = (verb: 'add' | 'del') => {
      for (const part of ['172.16.0.0/12', '192.168.0.0/16'])
        t.ip('machine', `route ${verb} ${part} via 10.99.0.2 dev tun0 table 51820`)
      t.ip('machine', `-6 route ${verb} fd00:51:8200::/48 dev tun0 table 51820`)
      t.ip('machine', `rule ${verb} priority 100 not fwmark 51820 table 51820`)
    }
    route('add')
    await ok('network', 'create', 'apart')
    expect(await subnetOf('apart')).toMatch(/^10\./)
    await ok('network', 'rm', 'apart')
    for (const [subnet, other] of [
      ['172.30.5.0/24', '172.16.0.0/12'],
      ['fd00:51:8200:7::/64', 'fd00:51:8200::/48'],
    ] as const) {
      const refused = await t.docker(['network', 'create', '--ipv6', '--subnet', subnet, 'apart'])
      expect(refused.stderr).toContain(`${subnet} meets ${other}`)
    }
    route('del')
    await ok('network', 'create', '--ipv6', '--subnet', '172.30.5.0/24', '--subnet', 'fd00:51:8200:7::/64', 'apart')
    await ok('network', 'rm', 'apart')
  })

  it('a network that the VPN’s routes cover later stays reached, since its own route is longer', async () => {
    const covered = await subnetOf('shop')
    expect(covered).toMatch(/^172\./)
    route('add', PRIVATE)
    expect(await ask(COMPANY)).toBe(`vpn ${TUNNEL}`)
    expect(await ask(FAR)).toBe(`others ${MACHINE}`)
    expect(t.ask('others', MACHINE, 8080)).toBe('inside')
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', 'web')
    expect(t.ask('machine', address, 80)).toBe('inside')
    expect(await ok('exec', 'client', 'nc', '-w', '2', 'web', '80')).toBe('inside')
    route('del', PRIVATE)
  })
})
