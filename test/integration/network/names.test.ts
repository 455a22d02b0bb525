import dgram from 'node:dgram'
import net from 'node:net'
import * as dns from 'dns-packet'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ContainerDetail, PortBinding } from '../../../engine/contract/container.ts'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { runInside } from '../../helpers/inside.ts'

const context = { signal: new AbortController().signal }
let t: NetworkTest
let upstream: Awaited<ReturnType<typeof startUpstream>>
const networks = () => t.handlers().network
const createNetwork = (input: { name: string } & Record<string, unknown>) =>
  networks().create(CreateNetwork.parse(input), context)

/** Asks the resolver of a container as a program in it would; answers with the records, or the error's code. */
const ask = async ({ pid }: ContainerDetail, name: string, type = 'A', server = '127.0.0.11') => {
  const script = `const r = new (require('dns').promises.Resolver)({ timeout: 2000, tries: 2 }); r.setServers(['${server}']);
    r.resolve('${name}', '${type}').then((x) => console.log(JSON.stringify(x)), (e) => console.log(JSON.stringify(e.code)))`
  const inside = runInside(pid, t.test.config.mode, script)
  const answer: unknown = JSON.parse(await inside.line())
  await inside.end()
  return answer
}

/** Containers of this file ask a resolver of the test's own, so that no question leaves this machine. */
const run = (input: Record<string, unknown>) => t.run({ dns: [`127.0.0.1#${upstream.port}`], ...input })

beforeAll(async () => {
  upstream = await startUpstream()
  t = await startNetworkTest()
  await createNetwork({ name: 'names', enableIPv6: true })
})
afterAll(async () => {
  upstream?.close()
  await t?.test.destroy()
})

describe('names on a user-defined network', () => {
  it('are the name, the aliases, the short id and the hostname of a running container', async () => {
    const web = await run({
      name: 'web',
      hostname: 'webhost',
      network: 'names',
      endpoints: [{ network: 'names', aliases: ['www', 'Front'] }],
    })
    const client = await run({ name: 'client', network: 'names' })
    for (const name of ['web', 'WEB', 'www', 'front', 'webhost', web.id.slice(0, 12), 'web.names'])
      expect(await ask(client, name), name).toEqual([web.ipAddress])
    expect(await ask(client, 'web', 'AAAA')).toEqual([web.networks[0]?.ipv6Address])
    expect(await ask(client, web.ipAddress.split('.').reverse().join('.').concat('.in-addr.arpa'), 'PTR')).toEqual([
      'web.names',
    ])
    expect(await t.exec(client.id, 'cat /etc/resolv.conf')).toContain('nameserver 127.0.0.11\n')
    expect(await t.exec(client.id, 'ping -4 -c 1 -W 2 www')).toContain(web.ipAddress)
  })

  it('that are known have no other records, and go with the container', async () => {
    const client = await t.inspect('client')
    expect(await ask(client, 'web', 'MX')).toBe('ENODATA')
    await t.handlers().container.rename({ id: 'web', name: 'web2' }, context)
    expect(await ask(client, 'web2')).toHaveLength(1)
    await t.remove('web2')
    expect(await ask(client, 'web2')).not.toHaveProperty('length', 1)
  })

  it('that several containers share answer with all of them, each first in turn', async () => {
    const shared = { network: 'names', endpoints: [{ network: 'names', aliases: ['pool'] }] }
    const members = [await run(shared), await run(shared), await run(shared)]
    const client = await t.inspect('client')
    const answers = []
    for (let index = 0; index < 6; index += 1) answers.push((await ask(client, 'pool')) as string[])
    expect(answers[0]?.toSorted()).toEqual(members.map(({ ipAddress }) => ipAddress).toSorted())
    expect(new Set(answers.map(([first]) => first)).size).toBe(3)
    await Promise.all(members.map(({ id }) => t.remove(id)))
  })

  it('have the services that their containers expose, as they change too', async () => {
    const shared = { network: 'names', endpoints: [{ network: 'names', aliases: ['shop'] }] }
    const first = await run({ ...shared, name: 'first', exposedPorts: ['80/tcp'] })
    await run({ ...shared, name: 'second', ports: [{ containerPort: 80 }] })
    await run({ ...shared, name: 'third', exposedPorts: ['53/udp'] })
    const client = await run({ network: 'names', links: ['first:db'] })
    const server = (port: number, name: string) => ({ name, port, priority: 0, weight: 1 })
    const both = [server(80, 'first.names'), server(80, 'second.names')]
    const askAll = async (name: string) =>
      ((await ask(client, name, 'SRV')) as typeof both).toSorted((a, b) => a.name.localeCompare(b.name))
    expect(await askAll('_http._tcp.shop')).toEqual(both)
    expect(await askAll('_80._tcp.shop.names')).toEqual(both)
    expect(await ask(client, '_domain._udp.shop', 'SRV')).toEqual([server(53, 'third.names')])
    expect(await ask(client, '_http._tcp.db', 'SRV')).toEqual([server(80, 'db')])
    expect(await ask(client, 'first.names')).toEqual([first.ipAddress])
    expect(await ask(client, '_9000._tcp.shop', 'SRV')).toBe('ENODATA')
    expect(await ask(client, '_http._tcp.missing.test', 'SRV')).toBe('ENOTFOUND')
    const ports = [PortBinding.parse({ containerPort: 9000 })]
    await t.handlers().container.setPorts({ id: 'third', ports }, context)
    expect(await ask(client, '_9000._tcp.shop', 'SRV')).toEqual([server(9000, 'third.names')])
    await Promise.all(['first', 'second', 'third', client.id].map((id) => t.remove(id)))
  })

  it('come with a connection and go with it, and a link is known to its own container alone', async () => {
    await createNetwork({ name: 'other' })
    const late = await run({ name: 'late', network: 'other' })
    const client = await t.inspect('client')
    expect(await ask(client, 'late.other')).not.toEqual([late.ipAddress])
    const endpoint = EndpointSpec.omit({ network: true }).parse({ aliases: ['guest'] })
    await networks().connect({ id: 'names', container: 'late', endpoint }, context)
    const place = (await t.inspect('late')).networks.find(({ network }) => network === 'names')
    expect(await ask(client, 'guest')).toEqual([place?.ipAddress])
    const linked = await run({ network: 'names', links: ['late:db'] })
    expect(await ask(linked, 'db')).toEqual([place?.ipAddress])
    expect(await ask(client, 'db')).not.toEqual([place?.ipAddress])
    await networks().disconnect({ id: 'names', container: 'late', force: false }, context)
    expect(await ask(client, 'guest')).not.toEqual([place?.ipAddress])
    await Promise.all([t.remove(linked.id), t.remove('late')])
    await networks().remove({ id: 'other' }, context)
  })

  it('do not hold up containers that link to each other and end at one time', async () => {
    for (let round = 0; round < 4; round += 1) {
      const target = await run({ name: 'target', network: 'names' })
      const others = await Promise.all([0, 1, 2].map(() => run({ network: 'names', links: ['target:t'] })))
      await Promise.all([target, ...others].map(({ id }) => t.remove(id)))
    }
  })

  it('stay known after the engine and after the keeper started anew', async () => {
    const peer = await run({ name: 'peer', network: 'names' })
    const client = await t.inspect('client')
    await t.test.restart()
    expect(await ask(client, 'peer')).toEqual([peer.ipAddress])
    process.kill((await t.handlers().system.info({}, context)).keeperPid, 'SIGKILL')
    await expect.poll(() => ask(client, 'peer'), { timeout: 15_000 }).toEqual([peer.ipAddress])
    await t.remove('peer')
  })
})

describe('names of the outside', () => {
  it('are asked of the resolvers, over TCP when the answer is long, and not from internal networks', async () => {
    const client = await run({ network: 'names' })
    expect(await ask(client, 'example.test')).toEqual(['192.0.2.1'])
    expect(await ask(client, 'missing.test')).toBe('ENOTFOUND')
    expect(await ask(client, 'long.test', 'TXT')).toHaveLength(40)
    await createNetwork({ name: 'closed', isInternal: true })
    const closed = await run({ network: 'closed', name: 'closed-one' })
    const before = upstream.asked()
    expect(await ask(closed, 'example.test')).toBe('ENOTFOUND')
    expect(await ask(closed, 'closed-one')).toEqual([closed.ipAddress])
    expect(upstream.asked()).toBe(before)
    await Promise.all([client, closed].map(({ id }) => t.remove(id)))
    await networks().remove({ id: 'closed' }, context)
  })
})

describe('names on the default network', () => {
  it('are those of links, written as Docker writes them, and follow the linked container', async () => {
    const db = await t.run({ name: 'mysql', env: ['MYSQL_USER=root'], exposedPorts: ['3306/tcp'] })
    const web = await t.run({ name: 'web02', links: ['mysql', 'mysql:db'], env: ['DB_NAME=mine'] })
    const hosts = () => t.exec(web.id, 'cat /etc/hosts')
    const line = (address: string, alias: string) =>
      `${address}\t${[...new Set([alias, db.id.slice(0, 12), 'mysql'])].join(' ')}\n`
    expect(await hosts()).toContain(line(db.ipAddress, 'mysql'))
    expect(await hosts()).toContain(line(db.ipAddress, 'db'))
    expect(await t.exec(web.id, 'ping -c 1 -W 2 db')).toContain(db.ipAddress)
    const variables = await t.exec(web.id, 'cat /proc/1/environ | tr "\\0" "\\n"; echo exec=$DB_ENV_MYSQL_USER')
    const own = [`DB_PORT_3306_TCP_ADDR=${db.ipAddress}`, 'MYSQL_NAME=/web02/mysql', 'DB_ENV_MYSQL_USER=root']
    for (const line of [...own, 'DB_NAME=mine', 'exec=root']) expect(variables).toContain(`${line}\n`)
    expect(variables).not.toContain('DB_NAME=/')
    expect(web.env.join()).not.toContain('3306')
    const inode = await t.exec(web.id, 'stat -c %i /etc/hosts')
    await t.handlers().container.stop({ id: 'mysql', timeoutSeconds: 0 }, context)
    expect(await hosts()).not.toContain('\tmysql')
    await t.handlers().container.start({ id: 'mysql' }, context)
    expect(await hosts()).toContain(line((await t.inspect('mysql')).ipAddress, 'mysql'))
    await t.handlers().container.rename({ id: 'mysql', name: 'maria' }, context)
    expect(await hosts()).toContain(`\tdb ${db.id.slice(0, 12)} maria\n`)
    await t.handlers().container.stop({ id: 'maria', timeoutSeconds: 0 }, context)
    await t.handlers().container.recreate({ id: 'maria', change: { name: 'postgres' } }, context)
    await t.handlers().container.start({ id: 'postgres' }, context)
    expect(await hosts()).toContain(`\tdb ${db.id.slice(0, 12)} postgres\n`)
    expect(await t.exec(web.id, 'stat -c %i /etc/hosts')).toBe(inode)
    await Promise.all([db.id, 'web02'].map((id) => t.remove(id)))
  })

  it('include the hosts that were added, and this machine', async () => {
    const text = (await t.shell('cat /etc/hosts', { extraHosts: ['far:192.0.2.9', 'gw:host-gateway'] })).join('\n')
    expect(text).toContain('192.0.2.9\tfar')
    const gateway = /^(\S+)\tgw$/m.exec(text)?.[1] ?? ''
    expect(net.isIP(gateway)).toBe(4)
    expect(text).toContain(`${gateway}\thost.docker.internal`)
    const alone = await t.shell('cat /etc/hosts', { network: 'none', extraHosts: ['gw:host-gateway'] })
    expect(alone).toContain(`${gateway}\tgw`)
    expect(alone.join('\n')).not.toContain('host.docker.internal')
    await expect(t.create({ extraHosts: ['a:1.2.3.4\n6.6.6.6 b'] })).rejects.toMatchObject({ reason: 'hosts.invalid' })
    await expect(t.create({ dns: ['nonsense'] })).rejects.toMatchObject({ reason: 'dns.invalid' })
  })
})

/** A resolver on loopback: one address, one missing name, and one answer too long for a datagram. */
async function startUpstream() {
  let asked = 0
  const answer = (query: Buffer, isStream: boolean) => {
    asked += 1
    const { id, questions } = dns.decode(query)
    const name = questions[0]?.name ?? ''
    const texts = Array.from({ length: 40 }, (_, index) => ({ name, type: 'TXT', ttl: 1, data: `${index}`.repeat(40) }))
    const isLong = name === 'long.test'
    const found =
      name === 'example.test' ? [{ name, type: 'A', ttl: 1, data: '192.0.2.1' }] : isLong && isStream ? texts : []
    const flags = found.length ? 0 : isLong ? dns.TRUNCATED_RESPONSE : 3
    return dns.encode({ id, type: 'response', flags, questions, answers: found })
  }
  const udp = dgram.createSocket('udp4')
  udp.on('message', (query, from) => udp.send(answer(query, false), from.port, from.address))
  const tcp = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const text = answer(chunk.subarray(2), true)
      const length = Buffer.alloc(2)
      length.writeUInt16BE(text.length)
      socket.write(Buffer.concat([length, text]))
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const { port } = tcp.address() as net.AddressInfo
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve))
  return { port, asked: () => asked, close: () => (udp.close(), tcp.close()) }
}
