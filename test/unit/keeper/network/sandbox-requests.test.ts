import { describe, expect, it } from 'vitest'
import type { SandboxEndpoint } from '../../../../engine/host/network.ts'
import { attribute, readAttributes } from '../../../../engine/keeper/libc/attributes.ts'
import { encodeMessage, readFailure } from '../../../../engine/keeper/libc/rtnetlink.ts'
import { addressRequest, linkRequests, routeRequest } from '../../../../engine/keeper/network/sandbox/requests.ts'

const endpoint: SandboxEndpoint = {
  kind: 'bridge',
  link: 'slipway0',
  mode: '',
  hostInterface: 'veth1234',
  containerInterface: 'eth0',
  macAddress: '02:42:ac:11:00:02',
  addresses: ['172.17.0.2/24'],
  routes: ['default via 172.17.0.1'],
  mtu: 1400,
  isIsolated: false,
}

const at = (attributes: ReadonlyMap<number, Buffer>, ...types: number[]): Buffer => {
  const [first = 0, ...rest] = types
  const value = attributes.get(first) ?? Buffer.alloc(0)
  return rest.length === 0 ? value : at(readAttributes(value), ...rest)
}
const text = (value: Buffer) => value.toString('latin1').replace(/\0$/, '')

describe('requests that join a container to a network', () => {
  it('make a veth pair on the bridge whose other end lies in the container', () => {
    const [add] = linkRequests(endpoint, { linkIndex: 7, netnsFd: 21 })
    const own = readAttributes(add?.body ?? Buffer.alloc(0), 16)
    expect(text(at(own, 3))).toBe('veth1234')
    expect(at(own, 4).readUInt32LE()).toBe(1400)
    expect(at(own, 10).readUInt32LE()).toBe(7)
    expect(text(at(own, 18, 1))).toBe('veth')
    const peer = readAttributes(at(own, 18, 2, 1), 16)
    expect(text(at(peer, 3))).toBe('eth0')
    expect(at(peer, 1).toString('hex')).toBe('0242ac110002')
    expect(at(peer, 28).readUInt32LE()).toBe(21)
  })

  it('let a port send frames back, and isolate it where containers do not reach each other', () => {
    const portOf = (isIsolated: boolean) => {
      const [, port] = linkRequests({ ...endpoint, isIsolated }, { linkIndex: 7, netnsFd: 21 })
      return readAttributes(at(readAttributes(port?.body ?? Buffer.alloc(0), 16), 18, 5), 0)
    }
    expect(at(portOf(false), 4)[0]).toBe(1)
    expect(portOf(false).has(33)).toBe(false)
    expect(at(portOf(true), 33)[0]).toBe(1)
  })

  it('give a macvlan its mode and address, and an ipvlan no address of its own', () => {
    const child = (kind: 'macvlan' | 'ipvlan', mode: string) =>
      readAttributes(
        linkRequests({ ...endpoint, kind, mode }, { linkIndex: 3, netnsFd: 21 })[0]?.body ?? Buffer.alloc(0),
        16,
      )
    expect(at(child('macvlan', 'vepa'), 18, 2, 1).readUInt32LE()).toBe(2)
    expect(child('macvlan', 'vepa').has(1)).toBe(true)
    expect(at(child('ipvlan', 'l3s'), 18, 2, 1).readUInt16LE()).toBe(2)
    expect(child('ipvlan', 'l3s').has(1)).toBe(false)
    expect(() => child('macvlan', 'l2')).toThrow('macvlan has no mode "l2"')
  })

  it('set addresses with their prefix and default routes of either version', () => {
    const { body } = addressRequest('fd00::2/64', 5)
    expect([body[0], body[1], body.readUInt32LE(4)]).toEqual([10, 64, 5])
    expect(at(readAttributes(body, 8), 8).readUInt32LE()).toBe(2)
    expect(at(readAttributes(routeRequest('default via 172.17.0.1').body, 12), 5).toString('hex')).toBe('ac110001')
    expect(at(readAttributes(routeRequest('default dev eth0', 9).body, 12), 4).readUInt32LE()).toBe(9)
    expect(() => routeRequest('blackhole')).toThrow('cannot read the route "blackhole"')
  })
})

describe('answers of the kernel', () => {
  const answer = (errno: number, words = '') => {
    const error = Buffer.alloc(20)
    error.writeInt32LE(-errno, 0)
    const body = words ? Buffer.concat([error, attribute(1, Buffer.from(`${words}\0`))]) : error
    return encodeMessage({ type: 2, flags: 0, sequence: 1, body })
  }

  it('are nothing when the change was made, and the error with its words otherwise', () => {
    expect(readFailure(answer(0))).toBeNull()
    expect(readFailure(answer(17))).toEqual({ errno: 17, text: '' })
    expect(readFailure(answer(22, 'Nexthop has invalid gateway'))).toEqual({
      errno: 22,
      text: 'Nexthop has invalid gateway',
    })
  })

  it('are read no further than they go', () => {
    for (const length of [38, 42])
      expect(readFailure(answer(22, 'cut off').subarray(0, length))).toEqual({ errno: 22, text: '' })
  })
})
