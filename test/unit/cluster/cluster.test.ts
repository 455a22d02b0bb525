import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { addressOnRoute } from '../../../engine/cluster/advertise.ts'
import { createCluster } from '../../../engine/cluster/cluster.ts'
import type { Store } from '../../../engine/cluster/etcd.ts'
import { readHostId } from '../../../engine/cluster/host-id.ts'

const NETWORK = 'a'.repeat(64)
const silent = () => {}

/** A cluster on a store of which each turn's fate is told. */
function createTest(): {
  cluster: ReturnType<typeof createCluster>
  changes: string[][]
  reads: () => number
  end(): void
} {
  let [reads, isThere] = [0, true]
  let breakOff: (error: Error) => void = silent
  const store = {
    read: async () => {
      reads += 1
      if (!isThere) throw new Error('away')
      return { revision: '1', all: [] }
    },
    change: async () => '2',
    grantLease: async () => '7',
    follow: () => new Promise((_, reject) => (breakOff = reject)),
    close: silent,
  } as unknown as Store
  const changes: string[][] = []
  const cluster = createCluster({
    config: { store: ['http://127.0.0.1:1'], advertise: '10.0.0.1', hostName: 'h', leaseSeconds: 3 },
    hostId: '1'.repeat(16),
    boot: 'boot',
    openStore: async () => store,
    keepLease: async () => {},
    log: { info: silent, warn: silent },
  })
  onTestFinished(() => cluster.close())
  void cluster.start([], { onChange: (networks) => changes.push([...networks]), onLost: silent })
  const end = () => {
    isThere = false
    breakOff(new Error('away'))
  }
  return { cluster, changes, reads: () => reads, end }
}

it('a store that stays away is told of once, and nothing is asked of it meanwhile', async () => {
  const { cluster, changes, reads, end } = createTest()
  await vi.waitUntil(() => cluster.describe().isReachable)
  const [told, read] = [changes.length, reads()]
  end()
  await vi.waitUntil(() => reads() >= read + 2, { timeout: 5000 })
  expect(changes.slice(told)).toEqual([['*']])
  const endpoint = {
    network: NETWORK,
    container: 'c'.repeat(64),
    name: 'c',
    ipv4: '10.1.0.2',
    ipv6: '',
    mac: '',
    names: [],
  }
  await expect(cluster.claim(endpoint)).rejects.toMatchObject({ reason: 'cluster.unreachable' })
})

it('an id that cannot be read is not made anew', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slhi-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const id = await readHostId(path.join(folder, 'id'))
  expect(await readHostId(path.join(folder, 'id'))).toBe(id)
  mkdirSync(path.join(folder, 'unreadable'))
  await expect(readHostId(path.join(folder, 'unreadable'))).rejects.toThrow('EISDIR')
})

it('the way to a URL without a port is known, and an address that cannot be is an error', async () => {
  expect(await addressOnRoute('http://127.0.0.1')).toBe('127.0.0.1')
  await expect(addressOnRoute('http://127.0.0.1:99999')).rejects.toThrow()
})
