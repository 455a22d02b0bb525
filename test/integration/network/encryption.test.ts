import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEncryption } from '../../../engine/keeper/network/overlay/encryption.ts'
import { encryptBatch } from '../../../engine/keeper/network/overlay/encryption-rules.ts'
import { createVxlans } from '../../../engine/keeper/network/overlay/vxlan.ts'

const isRoot = process.getuid?.() === 0
let base: string
let left: string
let right: string
const enter = (netns: string) => ['nsenter', `--net=/run/netns/${netns}`]
const inside = (netns: string, argv: readonly string[], input = '') => {
  const [command = '', ...args] = [...enter(netns), ...argv]
  return execFileSync(command, args, { input }).toString()
}
const batch = (netns: string, lines: readonly string[]) => inside(netns, ['ip', '-batch', '-'], lines.join('\n'))
/** Whether a side, the right one, has an answer from an address of the other. */
const answers = (address: string, from = right) => {
  const [command = '', ...args] = [...enter(from), 'busybox', 'ping', '-c', '1', '-W', '1', address]
  return spawnSync(command, args).status === 0
}

/** Two machines with tunnels 4097 (10.77.1.0/24) and 4098 (10.77.2.0/24) between them. */
async function connect(): Promise<void> {
  execFileSync('ip', ['-batch', '-'], { input: `netns add ${left}\nnetns add ${right}\n` })
  batch(left, [`link add under type veth peer name under netns ${right}`])
  for (const [netns, host, other] of [
    [left, 1, 2],
    [right, 2, 1],
  ] as const) {
    batch(netns, ['link set lo up', `addr add 10.76.0.${host}/24 dev under`, 'link set under up'])
    const vxlans = createVxlans(path.join(base, netns), enter(netns))
    for (const net of [1, 2]) {
      batch(netns, [`link add br${net} type bridge`, `addr add 10.77.${net}.${host}/24 dev br${net}`])
      batch(netns, [`link set br${net} address 02:42:00:00:0${net}:0${host}`, `link set br${net} up`])
      const vxlan = `vx${net}`
      await vxlans.ensureVxlan({ bridge: `br${net}`, vxlan, vni: 4096 + net, local: `10.76.0.${host}`, mtu: 1450 })
      const mac = `02:42:00:00:0${net}:0${other}`
      const peer = { mac, addresses: [`10.77.${net}.${other}`], host: `10.76.0.${other}` }
      await vxlans.setVxlanPeers({ vxlan, peers: [peer] })
    }
  }
}

describe.skipIf(!isRoot)(`plain VXLAN of an encrypted network${isRoot ? '' : ' (namespaces need root)'}`, () => {
  let encryption: ReturnType<typeof createEncryption>
  beforeAll(async () => {
    base = mkdtempSync(path.join(os.tmpdir(), 'slx-'))
    const tag = path.basename(base).slice(4)
    ;[left, right] = [`slw-${tag}-l`, `slw-${tag}-r`]
    encryption = createEncryption(path.join(base, 'state'), { table: `slipway-${tag}`, prefix: enter(left) })
    await connect()
  })
  afterAll(() => {
    for (const netns of [left, right]) spawnSync('ip', ['netns', 'delete', netns])
    rmSync(base, { recursive: true, force: true })
  })

  it('is dropped by its number, and other networks are not', async () => {
    expect([answers('10.77.1.1'), answers('10.77.2.1')]).toEqual([true, true])
    await encryption.setEncryption({ local: '10.76.0.1', peers: [], vnis: [4097] })
    expect([answers('10.77.1.1'), answers('10.77.2.1')]).toEqual([false, true])
    const rules = () => inside(left, ['nft', 'list', 'ruleset'])
    expect(rules()).toMatch(/meta ipsec missing .*counter packets [1-9]\d* bytes \d+ drop/)
    // Without policies, what goes out is dropped too.
    expect(rules()).toMatch(/rt ipsec missing .*counter packets 0 /)
    answers('10.77.1.2', left)
    expect(rules()).toMatch(/rt ipsec missing .*counter packets [1-9]\d* bytes \d+ drop/)
  })

  it('is dropped again after all rules were flushed, once the keeper has seen it', async () => {
    inside(left, ['nft', 'flush', 'ruleset'])
    expect(answers('10.77.1.1')).toBe(true)
    await encryption.repair()
    expect(answers('10.77.1.1')).toBe(false)
    await encryption.setEncryption({ local: '', peers: [], vnis: [] })
    expect([answers('10.77.1.1'), answers('10.77.2.1')]).toEqual([true, true])
    expect(inside(left, ['nft', 'list', 'ruleset'])).toBe('')
  })

  it('neither comes nor goes between hosts whose way is encrypted, whatever the rules are', async () => {
    const key = '11'.repeat(36)
    const peer = { host: '10.76.0.2', keyOut: key, keyIn: key, spiOut: 4096, spiIn: 4097 }
    // The policies alone, as when the kernel has lost its keys.
    inside(left, ['ip', '-batch', '-'], encryptBatch('10.76.0.1', peer).policies)
    expect([answers('10.77.1.1'), answers('10.77.2.1')]).toEqual([false, false])
    expect(inside(left, ['cat', '/proc/net/xfrm_stat'])).toMatch(/XfrmInNoPols\s+[1-9]|XfrmInTmplMismatch\s+[1-9]/)
    inside(left, ['ip', 'xfrm', 'policy', 'flush'])
    expect(answers('10.77.1.1')).toBe(true)
  })
})
