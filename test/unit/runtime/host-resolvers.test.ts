import { describe, expect, it } from 'vitest'
import { readHostResolvers } from '../../../engine/runtime/host-resolvers.ts'
import { resolverSubnets } from '../../../engine/service/network/pools.ts'

const REAL = 'nameserver 172.20.0.53\nnameserver fe80::1%eth0\nnameserver FD00::53\n'
const hostWith = (files: Readonly<Record<string, string>>) => async (file: string) => files[file] ?? ''

describe('the resolvers of the host', () => {
  const stub = 'nameserver 127.0.0.53\noptions edns0\n'
  it('are the real ones behind the stub of systemd-resolved', async () => {
    const read = hostWith({ '/etc/resolv.conf': stub, '/run/systemd/resolve/resolv.conf': REAL })
    expect(await readHostResolvers(read)).toBe(REAL)
    expect(await readHostResolvers(hostWith({ '/etc/resolv.conf': stub }))).toBe(stub)
    const plain = { '/etc/resolv.conf': 'nameserver 9.9.9.9\n', '/run/systemd/resolve/resolv.conf': REAL }
    expect(await readHostResolvers(hostWith(plain))).toBe('nameserver 9.9.9.9\n')
  })

  it('are addresses of both versions that no network may lie over', () => {
    expect(resolverSubnets(`${REAL}nameserver nonsense\n`)).toEqual(['172.20.0.53/32', 'fe80::1/128', 'FD00::53/128'])
  })
})
