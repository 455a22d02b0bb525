import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { BridgeNetworkParams, ParentParams } from '../../host/network.ts'
import { createLocks } from '../../lib/async.ts'
import { randomMac } from '../../lib/mac.ts'
import { run } from '../exec.ts'
import { bridgeBatch } from './batch.ts'

/** Devices in the namespace where bridges live; `prefix` is the argv that enters it. `vlanFolder` tells VLANs of ours. */
export function createLinks(options: {
  readonly prefix: readonly string[]
  readonly rootless: boolean
  readonly vlanFolder: string
}) {
  const { prefix, rootless, vlanFolder } = options
  const ip = (batch: string) => run([...prefix, 'ip', '-batch', '-'], { input: batch })
  const describe = (name: string) => run([...prefix, 'ip', '-o', 'link', 'show', 'dev', name], { okExitCodes: [0, 1] })
  const exists = async (name: string) => (await describe(name)).exitCode === 0
  const locks = createLocks()

  /** Makes a child for a moment: the only sure way to learn whether the kernel can, and whether the parent allows it. */
  const probe = async ({ kind, parent }: ParentParams) => {
    const name = `p${Date.now().toString(36)}`.slice(0, 15)
    const made = await run([...prefix, 'ip', 'link', 'add', 'link', parent, 'name', name, 'type', kind], {
      okExitCodes: 'any',
    })
    if (made.exitCode === 0) return void (await ip(`link delete ${name}\n`))
    if (/Unknown device type|not supported/i.test(made.stderr))
      throw new EngineError(
        'notImplemented',
        'network.driver-missing',
        `this kernel has no ${kind} (${made.stderr.trim()}); load its module with: sudo modprobe ${kind}`,
      )
    throw new EngineError('conflict', 'network.parent-refused', `${kind} on ${parent}: ${made.stderr.trim()}`)
  }
  const makeVlan = async (parent: string) => {
    const [, card = '', tag = ''] = /^(.+)\.(\d{1,4})$/.exec(parent) ?? []
    if (!tag || !(await exists(card))) throw missingParent(parent, rootless)
    const note = path.join(vlanFolder, parent)
    // Written down first, so that it is never forgotten; an interface of someone else's must stay when our network goes.
    await mkdir(vlanFolder, { recursive: true, mode: 0o700 })
    await writeFile(note, '', { mode: 0o600 })
    const made = await run([...prefix, 'ip', 'link', 'add', 'link', card, 'name', parent, 'type', 'vlan', 'id', tag], {
      okExitCodes: 'any',
    })
    if (made.exitCode !== 0) {
      await rm(note, { force: true })
      throw new EngineError(
        'notImplemented',
        'network.vlan-missing',
        `VLAN ${parent} cannot be made: ${made.stderr.trim()}; load the module with: sudo modprobe 8021q`,
      )
    }
    await ip(`link set ${parent} up\n`)
  }
  const remove = (name: string) => run([...prefix, 'ip', 'link', 'delete', name], { okExitCodes: [0, 1] })
  /** A batch ends at its first failure, and what is half-made would be taken for whole the next time. */
  const makeBridge = async (params: BridgeNetworkParams) => {
    await ip(bridgeBatch(params, randomMac())).catch(async (error: unknown) => {
      await remove(params.bridge).catch(() => {})
      throw error
    })
  }
  const ensureBridge = async (params: BridgeNetworkParams) => {
    const { exitCode, stdout } = await describe(params.bridge)
    // Earlier versions left the choice of its address to the kernel: the one that it has now is kept.
    const [, mac = ''] = /link\/ether ([0-9a-f:]{17})/.exec(stdout) ?? []
    if (exitCode !== 0) await makeBridge(params)
    else if (mac) await ip(`link set ${params.bridge} address ${mac}\n`)
    const hasIPv6 = params.subnets.some((subnet) => subnet.includes(':'))
    await run([
      ...prefix,
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      // With slashes, since a bridge's name may have dots.
      `net/ipv4/conf/${params.bridge}/route_localnet=1`,
      ...(hasIPv6 ? ['net.ipv6.conf.all.forwarding=1', `net/ipv6/conf/${params.bridge}/accept_ra=0`] : []),
    ])
  }

  return {
    exists,
    ensureBridge: (params: BridgeNetworkParams) => locks.withLock(params.bridge, () => ensureBridge(params)),
    async ensureParent(params: ParentParams) {
      if (!(await exists(params.parent))) {
        // A bridge without ports stands in for the `dummy` device, which not every kernel has.
        if (params.isOwn) await ip(`link add name ${params.parent} type bridge\nlink set ${params.parent} up\n`)
        else await makeVlan(params.parent)
      }
      await probe(params)
    },
    remove,
    async removeParent({ parent, isOwn }: { readonly parent: string; readonly isOwn: boolean }) {
      const note = path.join(vlanFolder, parent)
      if (!isOwn && !existsSync(note)) return
      await remove(parent)
      await rm(note, { force: true })
    },
  }
}

function missingParent(parent: string, rootless: boolean): EngineError {
  return new EngineError(
    rootless ? 'forbidden' : 'notFound',
    rootless ? 'network.parent-unreachable' : 'network.parent-missing',
    rootless
      ? `an ordinary user's engine cannot put containers on the network card "${parent}": the kernel lets only root do that; leave the parent out for a network within this machine, or run the engine as root`
      : `the parent interface "${parent}" does not exist`,
    { details: { parent } },
  )
}
