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
