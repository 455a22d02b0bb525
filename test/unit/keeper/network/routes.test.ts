import { expect, it } from 'vitest'
import { readRoutes } from '../../../../engine/keeper/network/inspect/routes.ts'

it('routes lead to what is not this machine itself, not everything, and not thrown away', () => {
  const text = JSON.stringify([
    { dst: 'default', gateway: '10.0.2.2', dev: 'eth0' },
    { dst: '172.17.0.0/16', dev: 'wg0', table: '51820' },
    { dst: '100.64.0.7', dev: 'wg0', table: '52' },
    { dst: 'fd7a:115c:a1e0::/48', dev: 'wg0' },
    { dst: 'fd00::7', dev: 'wg0' },
    { type: 'local', dst: '127.0.0.0/8', dev: 'lo', table: 'local' },
    { type: 'broadcast', dst: '10.0.2.255', dev: 'eth0', table: 'local' },
    { type: 'unreachable', dst: '2001:db8:1::/56', dev: 'lo' },
  ])
  expect(readRoutes(text)).toEqual(
    ['172.17.0.0/16', '100.64.0.7/32', 'fd7a:115c:a1e0::/48', 'fd00::7/128'].map((subnet) => ({
      subnet,
      interface: 'wg0',
    })),
  )
  expect(readRoutes('')).toEqual([])
})
