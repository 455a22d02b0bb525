import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host } from '../../../host/host.ts'
import type { VxlanParams, VxlanPeer } from '../../../host/network.ts'
import { createLocks } from '../../../lib/async.ts'
import { run } from '../../exec.ts'
import { readStateFile, writeStateFile } from '../../state-file.ts'
import { peerBatch, vxlanBatch } from './batch.ts'

interface Link {
  readonly ifname: string
  readonly mtu: number
  readonly master?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: { readonly id?: number; readonly local?: string; readonly local6?: string }
  }
}

/**
 * Tunnels of overlay networks. The kernel keeps devices and entries while no keeper runs; what they are is kept beside
 * (`tunnels/<vxlan>.json`), so that a later keeper changes only what differs.
 */
export function createVxlans(
  folder: string,
  prefix: readonly string[],
): Pick<Host, 'ensureVxlan' | 'removeVxlan' | 'setVxlanPeers' | 'describeUnderlay'> {
  const fileOf = (vxlan: string) => path.join(folder, `${vxlan}.json`)
  /** One change of a tunnel after the other. */
  const { withLock: inTurn } = createLocks()
  const findLink = async (name: string): Promise<Link | undefined> => {
    const { stdout, exitCode } = await run([...prefix, 'ip', '-d', '-j', 'link', 'show', 'dev', name], {
      okExitCodes: [0, 1],
    })
    return exitCode === 0 ? (JSON.parse(stdout) as Link[]).find(({ ifname }) => ifname === name) : undefined
  }
  const describeUnderlay = async ({ address }: { readonly address: string }) => {
    const { stdout } = await run([...prefix, 'ip', '-j', 'addr', 'show', 'to', address])
    const links = JSON.parse(stdout) as (Link & { addr_info?: { local?: string }[] })[]
    const found = links.find(({ addr_info }) => addr_info?.some(({ local }) => local === address))
    if (found) return { interface: found.ifname, mtu: found.mtu }
    throw new EngineError(
      'invalidArgument',
      'network.underlay-missing',
      `this machine has no address ${address}: set --cluster-advertise to one that the other hosts reach`,
      { details: { address } },
    )
  }
  const make = async (params: VxlanParams) => {
    await describeUnderlay({ address: params.local })
    await rm(fileOf(params.vxlan), { force: true })
    const made = await run([...prefix, 'ip', '-batch', '-'], { input: vxlanBatch(params), okExitCodes: 'any' })
    if (made.exitCode === 0) return
    await run([...prefix, 'ip', 'link', 'delete', params.vxlan], { okExitCodes: 'any' })
    if (/Unknown device type|not supported/i.test(made.stderr))
      throw new EngineError(
        'notImplemented',
        'network.driver-missing',
        `this kernel has no vxlan (${made.stderr.trim()}); load its module with: sudo modprobe vxlan`,
      )
    throw new EngineError(
      'conflict',
      'network.vxlan-refused',
      `VXLAN network ${params.vni} cannot be made on this host: ${made.stderr.trim()}`,
    )
  }
  return {
    describeUnderlay,
    ensureVxlan: (params) =>
      inTurn(params.vxlan, async () => {
        const found = await findLink(params.vxlan)
        const data = found?.linkinfo?.info_data
        // Each version has a name of its own.
        const local = data?.local6 ?? data?.local
        if (data?.id === params.vni && local === params.local && found?.master === params.bridge) return
        if (found) await run([...prefix, 'ip', 'link', 'delete', params.vxlan], { okExitCodes: [0, 1] })
        await make(params)
      }),
    removeVxlan: ({ vxlan }) =>
      inTurn(vxlan, async () => {
        await rm(fileOf(vxlan), { force: true })
        await run([...prefix, 'ip', 'link', 'delete', vxlan], { okExitCodes: [0, 1] })
      }),
    setVxlanPeers: ({ vxlan, peers }) =>
      inTurn(vxlan, async () => {
        if (!existsSync(fileOf(vxlan)) && peers.length === 0) return
        const { ip, bridge } = peerBatch(vxlan, readStateFile<VxlanPeer[]>(fileOf(vxlan)) ?? [], peers)
        const batch = async (tool: string, input: string) => {
          if (input) await run([...prefix, tool, '-batch', '-'], { input })
        }
        await Promise.all([batch('ip', ip), batch('bridge', bridge)])
        writeStateFile(fileOf(vxlan), peers)
      }),
  }
}
