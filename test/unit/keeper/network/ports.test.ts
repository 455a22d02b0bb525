import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeListener } from '../../../../engine/keeper/libc/listen.ts'
import type { Firewall } from '../../../../engine/keeper/network/firewall.ts'
import { createPorts } from '../../../../engine/keeper/network/ports.ts'
import type { PortProxy } from '../../../../engine/keeper/network/proxy/client.ts'

let folder: string
const served = new Set<number>()
const proxy = {
  open: (_, listeners) => listeners.forEach(({ fd }) => served.add(fd)),
  close: async (_, fds) => {
    for (const fd of fds === 'all' ? [...served] : fds) if (served.delete(fd)) closeListener(fd)
  },
  forgetUdp: () => {},
} as Pick<PortProxy, 'open' | 'close' | 'forgetUdp'> as PortProxy
const firewall = (publish: Firewall['publish']) => ({ publish }) as Firewall
const create = (publish: Firewall['publish'] = async () => {}) =>
  createPorts(folder, { proxy, firewall: firewall(publish), isRootless: false })
const forward = (hostIp: string, hostPort: number) =>
  ({ protocol: 'tcp', hostIp, hostPort, containerIp: '172.17.0.2', containerPort: 80 }) as const

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slpo-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('ports of a container', () => {
  it('are served at another address though its socket has the number of the one that made way', async () => {
    const ports = create()
    const [first] = await ports.openPorts({ containerId: 'c', ports: [forward('0.0.0.0', 0)] })
    await ports.openPorts({ containerId: 'c', ports: [forward('127.0.0.1', first?.hostPort ?? 0)] })
    expect(served.size).toBe(1)
    await ports.closePorts({ containerId: 'c' })
    expect(served.size).toBe(0)
  })

  it('that are to have one number in both versions of IP get one, or none of them any', async () => {
    const ports = create()
    const second = (hostPort: number) => ({ ...forward('::', hostPort), samePortAs: 0 })
    const opened = await ports.openPorts({ containerId: 'c', ports: [forward('0.0.0.0', 0), second(0)] })
    expect(opened.map(({ hostIp }) => hostIp)).toEqual(['0.0.0.0', '::'])
    const port = opened[0]?.hostPort ?? 0
    expect(port).toBeGreaterThan(0)
    expect(opened[1]).toEqual({ ...forward('::', port) })
    // Taken in one version is taken: a range goes on, a number alone is refused, and nothing is held then.
    const six = await ports.openPorts({ containerId: 'six', ports: [forward('::', 0)] })
    const taken = six[0]?.hostPort ?? 0
    const range = { ...forward('0.0.0.0', taken), hostPortEnd: taken + 20 }
    const next = await ports.openPorts({ containerId: 'd', ports: [range, second(taken)] })
    expect(next[0]?.hostPort).toBeGreaterThan(taken)
    expect(next[1]?.hostPort).toBe(next[0]?.hostPort)
    await expect(
      ports.openPorts({ containerId: 'e', ports: [forward('0.0.0.0', taken), forward('::', taken)] }),
    ).rejects.toMatchObject({ reason: 'port.in-use', message: expect.stringContaining(`:::${taken}`) })
    await ports.openPorts({ containerId: 'f', ports: [forward('0.0.0.0', taken)] })
    for (const containerId of ['c', 'd', 'six', 'f']) await ports.closePorts({ containerId })
    expect(served.size).toBe(0)
  })

  it('keep the one half that is open, and the other gets its number', async () => {
    const ports = create()
    const [first] = await ports.openPorts({ containerId: 'c', ports: [forward('0.0.0.0', 0)] })
    const hostPort = first?.hostPort ?? 0
    const wanted = [
      { ...forward('0.0.0.0', hostPort), hostPortEnd: hostPort + 5 },
      { ...forward('::', hostPort), samePortAs: 0 },
    ]
    const opened = await ports.openPorts({ containerId: 'c', ports: wanted })
    expect(opened).toEqual([forward('0.0.0.0', hostPort), forward('::', hostPort)])
    await ports.closePorts({ containerId: 'c' })
  })

  it('are free again though the rules could not be taken away', async () => {
    let isRefusing = false
    const ports = create(async () => {
      if (isRefusing) throw new Error('refused')
    })
    await ports.openPorts({ containerId: 'c', ports: [forward('127.0.0.1', 0)] })
    isRefusing = true
    await expect(ports.closePorts({ containerId: 'c' })).rejects.toThrow('refused')
    expect(served.size).toBe(0)
  })
})
