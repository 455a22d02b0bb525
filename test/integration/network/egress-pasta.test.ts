import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { makeToolFolder } from '../../helpers/tool-folder.ts'

const hasDefaultRoute = /^\S+\t00000000\t/m.test(readFileSync('/proc/net/route', 'utf8'))
const why =
  process.getuid?.() === 0
    ? 'root has the kernel’s'
    : spawnSync('pasta', ['--version']).status !== 0
      ? 'it needs pasta'
      : hasDefaultRoute
        ? ''
        : 'pasta needs a default route'

describe.skipIf(why !== '')(`pasta as the one way out${why && ` (${why})`}`, () => {
  const tools = makeToolFolder(['slirp4netns'])
  const pathBefore = process.env['PATH']
  let t: NetworkTest
  const server = net.createServer()

  beforeAll(async () => {
    process.env['PATH'] = tools
    t = await startNetworkTest()
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  })
  afterAll(async () => {
    server.close()
    await t?.test.destroy()
    process.env['PATH'] = pathBefore
    rmSync(tools, { recursive: true })
  })

  it('leads containers to this machine', async () => {
    const { port } = server.address() as AddressInfo
    const reached = once(server, 'connection')
    // It is not waited for: Debian 12's pasta may lose the end of a connection to this machine.
    const { id } = await t.run({ command: ['sh', '-c', `nc host.docker.internal ${port}`] })
    const [socket] = (await reached) as [net.Socket]
    socket.destroy()
    await t.remove(id)
  })

  it('hands on what they ask of the resolver that they are given', async () => {
    const resolver = (await t.shell('cat /etc/resolv.conf')).join().replace(/.*nameserver (\S+).*/, '$1')
    const helper = path.join(t.test.config.runtimeDir, 'keeper/egress.json')
    const { pid } = JSON.parse(readFileSync(helper, 'utf8')) as { pid: number }
    const asked = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    expect(asked[asked.indexOf('--dns-forward') + 1]).toBe(resolver)
  })
})
