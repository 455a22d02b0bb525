import { rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host } from '../../../host/host.ts'
import type { EncryptedPeer, EncryptionParams } from '../../../host/network.ts'
import { createTurns } from '../../../lib/async.ts'
import { run } from '../../exec.ts'
import { readStateFile, writeStateFile } from '../../state-file.ts'
import { decryptLines, encryptBatch, plainDropTable, probeLines } from './encryption-rules.ts'

const NOTHING: EncryptionParams = { local: '', peers: [], vnis: [] }

/** What the kernel has. `before`: of a change that was not seen to its end, what it may still have of earlier ones. */
interface Kept extends EncryptionParams {
  readonly before?: readonly EncryptionParams[]
}

/** Encryption of overlay networks. What the kernel has is kept beside (`encryption.json`, with keys: for root alone). */
export function createEncryption(
  stateFolder: string,
  { table, prefix }: { readonly table: string; readonly prefix: readonly string[] },
): Pick<Host, 'probeEncryption' | 'setEncryption'> & { repair(): Promise<void> } {
  const file = path.join(stateFolder, 'encryption.json')
  const read = (): Kept => readStateFile<Kept>(file) ?? NOTHING
  const ip = (input: string) => run([...prefix, 'ip', '-batch', '-'], { input })
  const nft = (input: string) => run([...prefix, 'nft', '-f', '-'], { input })
  const anyway = async (all: readonly string[]) => {
    for (const line of all) await ip(`${line}\n`).catch(() => {})
  }
  const inTurn = createTurns()
  const forget = async (local: string, peers: readonly EncryptedPeer[], also: (peer: EncryptedPeer) => boolean) => {
    for (const peer of peers) {
      const { policies, states } = decryptLines(local, peer)
      await anyway(also(peer) ? [...states, ...policies] : states)
    }
  }
  /** From what there may be; where that is more than one, only what all of them have is there for sure. */
  const apply = async (all: readonly EncryptionParams[], now: EncryptionParams) => {
    if (all.some(({ vnis }) => vnis.join() !== now.vnis.join())) await nft(plainDropTable(table, now.vnis))
    const key = (local: string, peer: EncryptedPeer) => JSON.stringify([local, peer])
    const has = (params: EncryptionParams, local: string, peer: EncryptedPeer) =>
      params.peers.some((one) => key(params.local, one) === key(local, peer))
    for (const { local, peers } of all) {
      const gone = peers.filter((peer) => !has(now, local, peer))
      const stays = (peer: EncryptedPeer) => local === now.local && now.peers.some(({ host }) => host === peer.host)
      await forget(local, gone, (peer) => !stays(peer))
    }
    for (const peer of now.peers.filter((one) => !all.every((before) => has(before, now.local, one)))) {
      const { policies, states } = encryptBatch(now.local, peer)
      await ip(policies)
      await anyway(decryptLines(now.local, peer).states)
      await ip(states).catch((error: unknown) => {
        throw missing(error)
      })
    }
  }
  return {
    probeEncryption: async () => {
      const { add, remove } = probeLines()
      await anyway([remove.trim()])
      await ip(add).catch((error: unknown) => {
        throw missing(error)
      })
      await ip(remove)
    },
    setEncryption: (params) =>
      inTurn(async () => {
        const { before = [], ...last } = read()
        const all = unique([...before, last])
        // Written down first: whatever goes wrong from here on, a later change knows what to take away.
        if (all.length > 1 || !isSame(last, params)) writeStateFile(file, { ...params, before: all } satisfies Kept)
        await apply(all, params)
        if (params.vnis.length === 0 && params.peers.length === 0) return rm(file, { force: true })
        writeStateFile(file, params)
      }),
    /** Sets again what somebody flushed: the rules, policies and states. What is there stays, with its counters. */
    repair: () =>
      inTurn(async () => {
        const { local, peers, vnis } = read()
        if (vnis.length === 0) return
        const { stdout } = await run([...prefix, 'nft', 'list', 'tables'])
        if (!stdout.split('\n').includes(`table inet ${table}`)) await nft(plainDropTable(table, vnis))
        for (const peer of peers) {
          const { policies, states } = encryptBatch(local, peer)
          await anyway([...linesOf(policies), ...linesOf(states)])
        }
      }),
  }
}

const linesOf = (batch: string) => batch.split('\n').filter(Boolean)
const isSame = (a: EncryptionParams, b: EncryptionParams) => textOf(a) === textOf(b)
const textOf = ({ local, peers, vnis }: EncryptionParams) => JSON.stringify([local, peers, vnis])
const unique = (all: readonly EncryptionParams[]) => [...new Map(all.map((one) => [textOf(one), one])).values()]

function missing(cause: unknown): EngineError {
  const text = cause instanceof Error ? cause.message.split('\n').slice(0, 3).join(' ') : String(cause)
  return new EngineError(
    'notImplemented',
    'network.encryption-missing',
    `this kernel cannot encrypt overlay networks with IPsec (${text}); load its modules with: sudo modprobe -a esp4 esp6 xfrm_user, or leave the option "encrypted" out`,
    { cause },
  )
}
