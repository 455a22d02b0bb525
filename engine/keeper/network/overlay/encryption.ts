import { rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host } from '../../../host/host.ts'
import type { EncryptedPeer, EncryptionParams } from '../../../host/network.ts'
import { run } from '../../exec.ts'
import { readStateFile, writeStateFile } from '../../state-file.ts'
import { decryptLines, encryptBatch, plainDropTable, probeLines } from './encryption-rules.ts'

const NOTHING: EncryptionParams = { local: '', peers: [], vnis: [] }

/** Encryption of overlay networks. What the kernel has is kept beside (`encryption.json`, with keys: for root alone). */
export function createEncryption(
  stateFolder: string,
  { table, prefix }: { readonly table: string; readonly prefix: readonly string[] },
): Pick<Host, 'probeEncryption' | 'setEncryption'> & { repair(): Promise<void> } {
  const file = path.join(stateFolder, 'encryption.json')
  const read = () => readStateFile<EncryptionParams>(file) ?? NOTHING
  const ip = (input: string) => run([...prefix, 'ip', '-batch', '-'], { input })
  const nft = (input: string) => run([...prefix, 'nft', '-f', '-'], { input })
  const anyway = async (all: readonly string[]) => {
    for (const line of all) await ip(`${line}\n`).catch(() => {})
  }
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
  const forget = async (local: string, peers: readonly EncryptedPeer[], also: (peer: EncryptedPeer) => boolean) => {
    for (const peer of peers) {
      const { policies, states } = decryptLines(local, peer)
      await anyway(also(peer) ? [...states, ...policies] : states)
    }
  }
  const apply = async (before: EncryptionParams, now: EncryptionParams) => {
    if (before.vnis.join() !== now.vnis.join()) await nft(plainDropTable(table, now.vnis))
    const key = (local: string, peer: EncryptedPeer) => JSON.stringify([local, peer])
    const has = (params: EncryptionParams, local: string, peer: EncryptedPeer) =>
      params.peers.some((one) => key(params.local, one) === key(local, peer))
    const gone = before.peers.filter((peer) => !has(now, before.local, peer))
    const stays = (peer: EncryptedPeer) =>
      before.local === now.local && now.peers.some(({ host }) => host === peer.host)
    await forget(before.local, gone, (peer) => !stays(peer))
    for (const peer of now.peers.filter((one) => !has(before, now.local, one))) {
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
        await apply(read(), params)
        if (params.vnis.length === 0 && params.peers.length === 0) return rm(file, { force: true })
        writeStateFile(file, params)
      }),
    /** Sets the rule again when somebody flushed all rules. */
    repair: () =>
      inTurn(async () => {
        const { vnis } = read()
        if (vnis.length === 0) return
        const { stdout } = await run([...prefix, 'nft', 'list', 'tables'])
        if (!stdout.split('\n').includes(`table inet ${table}`)) await nft(plainDropTable(table, vnis))
      }),
  }
}

function missing(cause: unknown): EngineError {
  const text = cause instanceof Error ? cause.message.split('\n').slice(0, 3).join(' ') : String(cause)
  return new EngineError(
    'notImplemented',
    'network.encryption-missing',
    `this kernel cannot encrypt overlay networks with IPsec (${text}); load its modules with: sudo modprobe -a esp4 esp6 xfrm_user, or leave the option "encrypted" out`,
    { cause },
  )
}
