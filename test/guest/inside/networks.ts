import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import type { z } from 'zod'
import { CreateNetwork } from '../../../engine/contract/network.ts'
import { call, ended, engine, printed, until } from './engine.ts'
import type { Scenario } from './scenario.ts'

/*
 * Another machine on a wire: a namespace `far`, whose eth0 (10.77.0.1) is the other end of our wire0 (10.77.0.2). Its
 * VLANs 10 and 20 are 10.79.0.1 and 10.80.0.1.
 */
const ip = (...args: string[]) => execFileSync('ip', args).toString()
let isWired = false
function wire(): void {
  if (isWired) return
  isWired = true
  ip('netns', 'add', 'far')
  ip('link', 'add', 'wire0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', 'far')
  ip('addr', 'add', '10.77.0.2/24', 'dev', 'wire0')
  ip('link', 'set', 'wire0', 'up')
  ip('-n', 'far', 'link', 'set', 'lo', 'up')
  ip('-n', 'far', 'addr', 'add', '10.77.0.1/24', 'dev', 'eth0')
  ip('-n', 'far', 'link', 'set', 'eth0', 'up')
  ip('-n', 'far', 'route', 'add', '10.78.0.0/16', 'via', '10.77.0.2')
  for (const [tag, address] of [
    ['10', '10.79.0.1/24'],
    ['20', '10.80.0.1/24'],
  ] as const) {
    ip('-n', 'far', 'link', 'add', 'link', 'eth0', 'name', `eth0.${tag}`, 'type', 'vlan', 'id', tag)
    ip('-n', 'far', 'addr', 'add', address, 'dev', `eth0.${tag}`)
    ip('-n', 'far', 'link', 'set', `eth0.${tag}`, 'up')
  }
}

/** Network drivers and protocols that kernels without modules lack. */
export const networkScenarios: readonly Scenario[] = [
  ...(['l2', 'l3', 'l3s'] as const).map((mode) => ({
    title: `joins containers by ipvlan ${mode}, with each other and with the machine on the wire`,
    run: () => reachesByIpvlan(mode),
  })),
  {
    title: 'makes a VLAN of a card for macvlan, and takes it away with the network',
    run: () => usesVlan('macvlan', 10),
  },
  { title: 'makes a VLAN of a card for ipvlan, and takes it away with the network', run: () => usesVlan('ipvlan', 20) },
  { title: 'leaves a VLAN that somebody else made', run: keepsForeignVlan },
  { title: 'carries an SCTP association through a published port', run: carriesSctp },
  { title: 'refuses an SCTP port that is taken, and says by whom', run: refusesTakenSctp },
]

async function createNetwork(input: z.input<typeof CreateNetwork>): Promise<void> {
  await call((handlers, options) => handlers.network.create(CreateNetwork.parse(input), options))
}
const removeNetwork = (id: string) => call((handlers, options) => handlers.network.remove({ id }, options))
const pool = (subnet: string, gateway = '') => ({ subnet, gateway })
const addressOf = ({ networks }: { readonly networks: readonly { readonly ipAddress: string }[] }) =>
  networks[0]?.ipAddress ?? ''
const PING = (address: string) => `ping -c 1 -w 20 ${address} > /dev/null && echo reached`

async function reachesByIpvlan(mode: 'l2' | 'l3' | 'l3s'): Promise<void> {
  wire()
  const { run, exec, remove } = await engine()
  const subnet = { l2: '10.77.0.0/24', l3: '10.78.1.0/24', l3s: '10.78.2.0/24' }[mode]
  const range = mode === 'l2' ? { ...pool(subnet, '10.77.0.254'), ipRange: '10.77.0.128/26' } : pool(subnet)
  await createNetwork({
    ...{ name: `ip-${mode}`, driver: 'ipvlan', pools: [range] },
    options: { parent: 'wire0', ipvlan_mode: mode },
  })
  const [one, other] = [await run({ network: `ip-${mode}` }), await run({ network: `ip-${mode}` })]
  assert.equal((await exec(one.id, PING(addressOf(other)))).trim(), 'reached')
  assert.equal((await exec(other.id, PING('10.77.0.1'))).trim(), 'reached')
  await Promise.all([remove(one.id), remove(other.id)])
  await removeNetwork(`ip-${mode}`)
  assert.match(ip('link', 'show', 'wire0'), /wire0/)
}

const hasLink = (name: string) => ip('-o', 'link').includes(` ${name}@`)

async function usesVlan(driver: 'macvlan' | 'ipvlan', tag: number): Promise<void> {
  wire()
  const { run, exec, remove } = await engine()
  const third = tag === 10 ? 79 : 80
  await createNetwork({
    ...{ name: `vlan-${tag}`, driver, pools: [{ ...pool(`10.${third}.0.0/24`), ipRange: `10.${third}.0.128/25` }] },
    options: { parent: `wire0.${tag}` },
  })
  assert.ok(hasLink(`wire0.${tag}`))
  const { id } = await run({ network: `vlan-${tag}` })
  assert.equal((await exec(id, PING(`10.${third}.0.1`))).trim(), 'reached')
  await remove(id)
  await removeNetwork(`vlan-${tag}`)
  assert.ok(!hasLink(`wire0.${tag}`))
}

async function keepsForeignVlan(): Promise<void> {
  wire()
  ip('link', 'add', 'link', 'wire0', 'name', 'wire0.30', 'type', 'vlan', 'id', '30')
  await createNetwork({ name: 'foreign', driver: 'macvlan', options: { parent: 'wire0.30' } })
  await removeNetwork('foreign')
  assert.ok(hasLink('wire0.30'))
  ip('link', 'delete', 'wire0.30')
}

/** One-to-one SCTP sockets of Python's; the container has this machine's own Python by a bind mount. */
const SERVER = `
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
server.bind(('0.0.0.0', 5000)); server.listen(5)
print('listening', flush=True)
while True:
    client, address = server.accept()
    client.sendall(b'answer to ' + client.recv(100)); client.close()
`
const clientOf = (address: string, port: number) => `
import socket
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
client.settimeout(30); client.connect(('${address}', ${port})); client.sendall(b'hello'); print(client.recv(100).decode())
`
const PYTHON = '/usr/bin/python3'
const bind = (target: string) => ({ type: 'bind', source: target, target, readOnly: true })
const sctpServer = (hostPort: number) => ({
  command: [PYTHON, '-c', SERVER],
  mounts: ['/usr', '/lib', '/lib64'].map(bind),
  ports: [{ containerPort: 5000, hostPort, protocol: 'sctp' }],
})

async function carriesSctp(): Promise<void> {
  wire()
  const { run, remove, inspect } = await engine()
  const { id } = await run(sctpServer(5000))
  assert.deepEqual((await inspect(id)).ports, [
    { containerPort: 5000, protocol: 'sctp', hostIp: '0.0.0.0', hostPort: 5000 },
  ])
  await until('the server', async () => (await printed(id)).includes('listening'))
  const ask = ['netns', 'exec', 'far', PYTHON, '-c', clientOf('10.77.0.2', 5000)]
  assert.equal(ip(...ask).trim(), 'answer to hello')
  // From this machine itself, by an address of its own.
  const own = execFileSync(PYTHON, ['-c', clientOf('10.77.0.2', 5000)]).toString()
  assert.equal(own.trim(), 'answer to hello')
  await remove(id)
  assert.throws(() => ip(...ask))
}

async function refusesTakenSctp(): Promise<void> {
  const { run, remove, create } = await engine()
  const { id } = await run({ command: ['true'], ports: [{ containerPort: 5000, hostPort: 5001, protocol: 'sctp' }] })
  await ended(id)
  const holder = await run({ ports: [{ containerPort: 5000, hostPort: 5001, protocol: 'sctp' }] })
  const refused = await create({ ports: [{ containerPort: 5000, hostPort: 5001, protocol: 'sctp' }] })
  await assert.rejects(
    call((handlers, options) => handlers.container.start({ id: refused }, options)),
    { reason: 'port.in-use' },
  )
  await Promise.all([remove(id), remove(holder.id), remove(refused)])
}
