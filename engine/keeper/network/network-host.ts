import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { BridgeEndpoint, BridgeNetworkParams, Host, PortForward } from '../../host/host.ts'
import { nextFreePort, portInUse } from '../../host/port-holder.ts'
import { run } from '../exec.ts'
import { closeListener, openListener } from '../libc/listen.ts'
import { unmount } from '../libc/mount.ts'
import { bridgeBatch, containerBatch, vethBatch } from './batch.ts'
import { createFirewall } from './firewall.ts'
import { startPortProxy } from './proxy/client.ts'
import type { ProxyListener } from './proxy/protocol.ts'
import type { BridgeRules } from './ruleset.ts'

export interface NetworkHostOptions {
  readonly stateFolder: string
  readonly keeperFile: string
  /** Where bridges live: `''` for the host's own namespace (rootful), else the inner namespace's file. */
  readonly bridgeNetns: string
}

type NetworkCalls = Pick<
  Host,
  'ensureBridge' | 'removeBridge' | 'createSandbox' | 'removeSandbox' | 'openPorts' | 'closePorts'
>

/** Bridges, sandboxes and published ports. */
export function createNetworkHost({
  stateFolder,
  keeperFile,
  bridgeNetns,
}: NetworkHostOptions): NetworkCalls & { restore(): Promise<void>; close(): Promise<void> } {
  const netnsFolder = path.join(stateFolder, 'netns')
  const portFolder = path.join(stateFolder, 'ports')
  const bridgeFolder = path.join(stateFolder, 'bridges')
  const bridgeFile = (bridge: string) => path.join(bridgeFolder, `${bridge}.json`)
  const netnsOf = (id: string) => path.join(netnsFolder, id)
  const ip = (netns: string, batch: string) =>
    run([...(netns ? ['nsenter', `--net=${netns}`] : []), 'ip', '-batch', '-'], { input: batch })
  const ready = Promise.all(
    [netnsFolder, portFolder, bridgeFolder].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })),
  )

  const prefix = bridgeNetns ? ['nsenter', `--net=${bridgeNetns}`] : []
  const tag = createHash('sha256').update(stateFolder).digest('hex').slice(0, 8)
  const firewall = createFirewall(`slipway-${tag}`, prefix)
  const proxy = startPortProxy(keeperFile, bridgeNetns, (table) => void firewall.repair(table).catch(() => {}))

  /** A veth of an earlier life may linger, since the kernel tears namespaces down in its own time. */
  const addVeth = (endpoint: BridgeEndpoint, netnsPath: string) =>
    ip(bridgeNetns, vethBatch(endpoint, netnsPath)).catch(async (error: unknown) => {
      if (!/File exists/.test(String(error))) throw error
      await ip(bridgeNetns, `link delete ${endpoint.hostInterface}\n`).catch(() => {})
      return ip(bridgeNetns, vethBatch(endpoint, netnsPath))
    })

  const listen = (ports: readonly PortForward[]): { forwards: PortForward[]; listeners: ProxyListener[] } => {
    const listeners: ProxyListener[] = []
    try {
      const forwards = ports.map((port) => {
        const listener = openPort(port)
        listeners.push({ ...port, fd: listener.fd })
        return { ...port, hostPort: listener.port }
      })
      return { forwards, listeners }
    } catch (error) {
      for (const { fd } of listeners) closeListener(fd)
      throw error
    }
  }

  return {
    async ensureBridge(params) {
      await ready
      const shown = await run([...prefix, 'ip', '-o', 'link', 'show', 'dev', params.bridge], { okExitCodes: [0, 1] })
      if (shown.exitCode !== 0) await ip(bridgeNetns, bridgeBatch(params))
      await firewall.setBridge(rulesOf(params))
      const settings = ['net.ipv4.ip_forward=1', `net.ipv4.conf.${params.bridge}.route_localnet=1`]
      await run([...prefix, 'sysctl', '-qw', ...settings])
      await writeFile(bridgeFile(params.bridge), JSON.stringify(rulesOf(params)), { mode: 0o600 })
    },
    async removeBridge({ bridge }) {
      await rm(bridgeFile(bridge), { force: true })
      await run([...prefix, 'ip', 'link', 'delete', bridge], { okExitCodes: [0, 1] })
      await firewall.removeBridge(bridge)
    },
    async createSandbox({ containerId, endpoint }) {
      await ready
      const netnsPath = netnsOf(containerId)
      await writeFile(netnsPath, '', { mode: 0o600 })
      try {
        await run(['unshare', `--net=${netnsPath}`, 'true'])
        if (endpoint) await addVeth(endpoint, netnsPath)
        await ip(netnsPath, containerBatch(endpoint))
        return { netnsPath }
      } catch (error) {
        await removeNamespace(netnsPath)
        throw error
      }
    },
    removeSandbox: ({ containerId }) => removeNamespace(netnsOf(containerId)),
    async openPorts({ containerId, ports }) {
      await ready
      const { forwards, listeners } = listen(ports)
      proxy.open(containerId, listeners)
      await firewall.publish(containerId, forwards)
      await writeFile(path.join(portFolder, `${containerId}.json`), JSON.stringify(forwards), { mode: 0o600 })
      return forwards
    },
    async closePorts({ containerId }) {
      const file = path.join(portFolder, `${containerId}.json`)
      if (!existsSync(file)) return
      await rm(file, { force: true })
      await firewall.unpublish(containerId)
      await proxy.close(containerId)
    },
    async restore() {
      await ready
      const bridges = await readAll<BridgeRules>(bridgeFolder)
      const published = new Map<string, PortForward[]>()
      for (const [containerId, forwards] of await readAll<PortForward[]>(portFolder)) {
        try {
          proxy.open(containerId, listen(forwards).listeners)
          published.set(containerId, forwards)
        } catch {
          rmSync(path.join(portFolder, `${containerId}.json`), { force: true })
        }
      }
      await firewall.restore({ bridges: [...bridges.values()], published })
    },
    async close() {
      await proxy.stop()
      await firewall.remove().catch(() => {})
    },
  }
}

function rulesOf({ bridge, subnet, masquerade }: BridgeNetworkParams): BridgeRules {
  return { bridge, subnets: [subnet], masquerade, isInternal: false, isOpenWithin: true }
}

async function readAll<T>(folder: string): Promise<Map<string, T>> {
  const found = new Map<string, T>()
  for (const name of await readdir(folder))
    found.set(path.basename(name, '.json'), JSON.parse(await readFile(path.join(folder, name), 'utf8')) as T)
  return found
}

/** Opens the host's side of a port, or says who has it and which is free. */
function openPort({ protocol, hostIp, hostPort }: PortForward): { fd: number; port: number } {
  try {
    return openListener(protocol, hostIp, hostPort)
  } catch (error) {
    const where = `${hostIp}:${hostPort}`
    const { errno } = error as { errno?: number }
    if (errno === 98) throw portInUse({ hostIp, hostPort, protocol })
    if (errno === 13) {
      const floor = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim()
      throw new EngineError(
        'forbidden',
        'port.forbidden',
        `Bind for ${where} failed: ports below ${floor} need root; choose a higher one`,
        {
          details: { port: hostPort, nextFree: nextFreePort(Number(floor) + 7000, protocol) },
        },
      )
    }
    if (errno === 99)
      throw new EngineError(
        'invalidArgument',
        'port.bad-address',
        `Bind for ${where} failed: this machine has no address ${hostIp}`,
      )
    throw error
  }
}

async function removeNamespace(netnsPath: string): Promise<void> {
  if (!existsSync(netnsPath)) return
  unmount(netnsPath)
  await rm(netnsPath, { force: true })
}
