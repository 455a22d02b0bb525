import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadClusterConfig } from '../../engine/cluster-config.ts'

const base = mkdtempSync(path.join(os.tmpdir(), 'slcc-'))
const file = path.join(base, 'cluster.json')
afterAll(() => rmSync(base, { recursive: true }))
const load = (options: object, env: NodeJS.ProcessEnv = {}) => loadClusterConfig({ file, env, options })

it('a cluster is what the command line says, else the environment, else the file, else none', () => {
  expect(load({})).toMatchObject({ store: [], advertise: '', leaseSeconds: 10 })
  writeFileSync(file, '{"store":["http://10.0.0.1:2379"],"advertise":"10.0.0.9"}')
  expect(load({})).toMatchObject({ store: ['http://10.0.0.1:2379'], advertise: '10.0.0.9' })
  const env = { SLIPWAY_CLUSTER_STORE: 'http://10.0.0.2:2379,http://[fd00::3]:2379/' }
  expect(load({}, env).store).toEqual(['http://10.0.0.2:2379', 'http://[fd00::3]:2379'])
  expect(load({ store: 'https://etcd:2379', advertise: 'fd00::1' }, env)).toMatchObject({
    store: ['https://etcd:2379'],
    advertise: 'fd00::1',
  })
})

it('what is no store and no address is refused by its name', () => {
  for (const store of ['etcd:2379', '10.0.0.1', 'ftp://x:1', 'http://x:2379/path', 'http://x'])
    expect(() => load({ store })).toThrow(JSON.stringify(store))
  expect(() => load({ store: 'http://a:1,https://b:2' })).toThrow('partly https')
  expect(() => load({ advertise: 'eth0' })).toThrow('"eth0" is no IP address')
  writeFileSync(file, '{"store":5}')
  expect(() => load({})).toThrow(file)
  rmSync(file)
  mkdirSync(file)
  expect(() => load({})).toThrow(`${file} cannot be read (EISDIR)`)
})
