import { describe, expect, it } from 'vitest'
import type { PortForward } from '../../../../engine/host/network.ts'
import { planPortChange } from '../../../../engine/keeper/network/port-change.ts'

const port = (over: Partial<PortForward> = {}): PortForward => ({
  protocol: 'tcp',
  hostIp: '0.0.0.0',
  hostPort: 80,
  containerIp: '10.0.0.2',
  containerPort: 8080,
  ...over,
})
const open = (...ports: PortForward[]) => ports.map((forward, index) => ({ forward, fd: 10 + index }))
const kinds = (before: PortForward[], after: PortForward[]) => {
  const { wanted, gone, inTheWay } = planPortChange(open(...before), after)
  return { wanted: wanted.map(({ as }) => as), gone: gone.length, inTheWay: inTheWay.length }
}

describe('a change of a container’s ports', () => {
  it('keeps what is as it was, whatever its place in the list', () => {
    const [a, b] = [port(), port({ hostPort: 81 })]
    expect(kinds([a, b], [b, a])).toEqual({ wanted: ['same', 'same'], gone: 0, inTheWay: 0 })
  })

  it('keeps the socket of what leads elsewhere now', () => {
    expect(kinds([port()], [port({ containerPort: 9 })])).toEqual({ wanted: ['led-elsewhere'], gone: 0, inTheWay: 0 })
  })

  it('closes last what goes, unless it stands where a new one is to be bound', () => {
    expect(kinds([port()], [port({ hostPort: 81 })])).toEqual({ wanted: ['new'], gone: 1, inTheWay: 0 })
    expect(kinds([port()], [port({ hostIp: '127.0.0.1' })])).toEqual({ wanted: ['new'], gone: 1, inTheWay: 1 })
    expect(kinds([port()], [port({ hostIp: '::1' })])).toMatchObject({ inTheWay: 0 })
    expect(kinds([port()], [port({ protocol: 'udp' })])).toMatchObject({ inTheWay: 0 })
    expect(kinds([port()], [port({ hostIp: '127.0.0.1', hostPort: 70, hostPortEnd: 90 })])).toMatchObject({
      inTheWay: 1,
    })
  })

  it('needs no socket for what is routed', () => {
    const routed = port({ hostIp: '', hostPort: 0, isRouted: true })
    expect(kinds([], [routed])).toMatchObject({ wanted: ['new'] })
    expect(kinds([port()], [routed])).toEqual({ wanted: ['new'], gone: 1, inTheWay: 0 })
  })
})
