import type os from 'node:os'
import { expect, it } from 'vitest'
import { listInterfaces } from '../../../../engine/service/network/machine.ts'

it('this machine has the addresses that others reach it by: not loopback, nor our bridges, nor those of one cable', () => {
  const address = (cidr: string, more: object = {}) => ({ cidr, internal: false, ...more })
  const found = {
    lo: [address('127.0.0.1/8', { internal: true })],
    eth0: [address('192.168.1.2/24'), address('2001:db8::2/64', { scopeid: 0 }), address('fe80::1/64', { scopeid: 2 })],
    'br-1': [address('172.18.0.1/16')],
    veth0: [address('fe80::2/64', { scopeid: 3 })],
  } as unknown as ReturnType<typeof os.networkInterfaces>
  expect(listInterfaces(found, ['br-1'])).toEqual([{ name: 'eth0', addresses: ['192.168.1.2/24', '2001:db8::2/64'] }])
})
