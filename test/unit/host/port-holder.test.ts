import { describe, expect, it } from 'vitest'
import { meets, socketsOnPort } from '../../../engine/host/port-holder.ts'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
`

describe('the holder of a port', () => {
  it('is the socket that listens there, not one that is connected', () => {
    expect(socketsOnPort(TABLE, 8080, 'tcp')).toEqual([{ inode: '4711', uid: 1000 }])
  })

  it('is nobody on another port', () => {
    expect(socketsOnPort(TABLE, 80, 'tcp')).toEqual([])
  })
})

it.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['0.0.0.0', '192.168.1.5', true],
  ['192.168.1.5', '::', true],
  ['127.0.0.1', '192.168.1.5', false],
])('a port of %s keeps one of %s from being bound: %s', (one, other, isInTheWay) => {
  expect(meets(one, other)).toBe(isInTheWay)
})
