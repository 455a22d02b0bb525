import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { ParentParams } from '../../host/network.ts'
import { run } from '../exec.ts'

/**
 * What macvlan and ipvlan networks stand on, in the namespace where bridges live; `prefix` is the argv that enters it.
 * `vlanFolder` tells VLANs of ours.
 */
export function createParents(options: {
  readonly prefix: readonly string[]
  readonly rootless: boolean
  readonly vlanFolder: string
}) {
  const { prefix, rootless, vlanFolder } = options
  const ip = (batch: string) => run([...prefix, 'ip', '-batch', '-'], { input: batch })
  const exists = async (name: string) =>
    (await run([...prefix, 'ip', 'link', 'show', 'dev', name], { okExitCodes: [0, 1] })).exitCode === 0

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

  return {
    async ensureParent(params: ParentParams) {
      if (!(await exists(params.parent))) {
        // A bridge without ports stands in for the `dummy` device, which not every kernel has.
        if (params.isOwn) await ip(`link add name ${params.parent} type bridge\nlink set ${params.parent} up\n`)
        else await makeVlan(params.parent)
      }
      await probe(params)
    },
    async removeParent({ parent, isOwn }: { readonly parent: string; readonly isOwn: boolean }) {
      const note = path.join(vlanFolder, parent)
      if (!isOwn && !existsSync(note)) return
      await run([...prefix, 'ip', 'link', 'delete', parent], { okExitCodes: [0, 1] })
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
