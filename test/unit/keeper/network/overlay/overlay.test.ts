import { describe, expect, it } from 'vitest'
import { peerBatch, vxlanBatch } from '../../../../../engine/keeper/network/overlay/batch.ts'
import {
  decryptLines,
  encryptBatch,
  plainDropTable,
} from '../../../../../engine/keeper/network/overlay/encryption-rules.ts'

describe('a tunnel', () => {
  it('learns nothing from packets and answers for others itself', () => {
    const params = { bridge: 'br-1', vxlan: 'vx-1', vni: 4097, local: '10.0.0.1', mtu: 1450 }
    expect(vxlanBatch(params)).toBe(
      'link add vx-1 mtu 1450 type vxlan id 4097 local 10.0.0.1 dstport 4789 nolearning proxy l2miss l3miss\n' +
        'link set vx-1 master br-1\nlink set vx-1 up\n',
    )
  })

  const peer = (last: number, host = '10.0.0.2') => ({
    mac: `02:42:0a:00:01:0${last}`,
    addresses: [`10.0.1.${last}`],
    host,
  })

  it('changes only what differs, and sets what it deletes, since a batch ends at what is not there', () => {
    expect(peerBatch('vx-1', [peer(1), peer(2)], [peer(2), peer(3)])).toEqual({
      ip:
        'neigh replace 10.0.1.1 lladdr 02:42:0a:00:01:01 dev vx-1 nud permanent\nneigh del 10.0.1.1 dev vx-1\n' +
        'neigh replace 10.0.1.3 lladdr 02:42:0a:00:01:03 dev vx-1 nud permanent\n',
      bridge:
        'fdb replace 02:42:0a:00:01:01 dev vx-1 dst 10.0.0.2 self permanent\n' +
        'fdb del 02:42:0a:00:01:01 dev vx-1 dst 10.0.0.2 self\n' +
        'fdb replace 02:42:0a:00:01:03 dev vx-1 dst 10.0.0.2 self permanent\n',
    })
    expect(peerBatch('vx-1', [peer(1)], [peer(1)])).toEqual({ ip: '', bridge: '' })
  })

  it('follows a container that has moved to another host', () => {
    expect(peerBatch('vx-1', [peer(1)], [peer(1, '10.0.0.3')])).toEqual({
      ip: '',
      bridge: 'fdb replace 02:42:0a:00:01:01 dev vx-1 dst 10.0.0.3 self permanent\n',
    })
  })
})

describe('encryption', () => {
  const peer = { host: '10.0.0.2', keyOut: 'aa'.repeat(36), keyIn: 'bb'.repeat(36), spiOut: 256, spiIn: 257 }

  it('demands ESP of all VXLAN between two hosts, each way with a key of its own', () => {
    const { policies, states } = encryptBatch('10.0.0.1', peer)
    expect(policies.trim().split('\n')).toEqual([
      'xfrm policy update src 10.0.0.1/32 dst 10.0.0.2/32 proto udp dport 4789 dir out tmpl src 10.0.0.1 dst 10.0.0.2 proto esp reqid 20752 mode transport',
      'xfrm policy update src 10.0.0.2/32 dst 10.0.0.1/32 proto udp dport 4789 dir in tmpl src 10.0.0.2 dst 10.0.0.1 proto esp reqid 20752 mode transport',
    ])
    expect(states.trim().split('\n')).toEqual([
      `xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x100 reqid 20752 mode transport aead "rfc4106(gcm(aes))" 0x${'aa'.repeat(36)} 128`,
      `xfrm state add src 10.0.0.2 dst 10.0.0.1 proto esp spi 0x101 reqid 20752 mode transport aead "rfc4106(gcm(aes))" 0x${'bb'.repeat(36)} 128`,
    ])
    expect(decryptLines('fd00::1', { ...peer, host: 'fd00::2' }).policies[0]).toBe(
      'xfrm policy delete src fd00::1/128 dst fd00::2/128 proto udp dport 4789 dir out',
    )
  })

  it('drops what comes or goes plain with the number of an encrypted network, and has no table without one', () => {
    expect(plainDropTable('t', [4098, 4097])).toContain('elements = { 4097, 4098 }')
    expect(plainDropTable('t', [4097])).toContain('udp dport 4789 meta ipsec missing @th,96,24 @encrypted counter drop')
    expect(plainDropTable('t', [4097])).toContain('udp dport 4789 rt ipsec missing @th,96,24 @encrypted counter drop')
    expect(plainDropTable('t', [])).toBe('table inet t {}\ndelete table inet t\n')
  })
})
