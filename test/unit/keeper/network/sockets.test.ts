import { expect, test } from 'vitest'
import {
  countEstablished,
  decodeProcAddress,
  findListeners,
} from '../../../../engine/keeper/network/inspect/sockets.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue\n'
const line = (local: string, state: string, remote = '00000000:0000') =>
  `   0: ${local} ${remote} ${state} 00000000:00000000\n`

test('addresses are read in the byte order of this machine', () => {
  expect(decodeProcAddress('0100007F')).toBe('127.0.0.1')
  expect(decodeProcAddress('00000000000000000000000001000000')).toBe('::1')
  expect(decodeProcAddress('0000000000000000FFFF00000200000A')).toBe('10.0.0.2')
})

test('sockets that wait are found, each once', () => {
  const tcp = HEAD + line('00000000:0050', '0A') + line('00000000:0050', '0A') + line('0200000A:0050', '01')
  expect(findListeners('tcp', tcp)).toEqual([{ protocol: 'tcp', address: '0.0.0.0', port: 80 }])
  expect(findListeners('udp', HEAD + line('00000000:0035', '07'))).toEqual([
    { protocol: 'udp', address: '0.0.0.0', port: 53 },
  ])
  expect(findListeners('tcp', '')).toEqual([])
})

test('connections are counted by the local address', () => {
  const text =
    HEAD +
    line('0200000A:0050', '01') +
    line('0000000000000000FFFF00000200000A:0051', '01') +
    line('0200000A:0050', '06')
  expect(countEstablished(text)).toEqual(new Map([['10.0.0.2', 2]]))
})
