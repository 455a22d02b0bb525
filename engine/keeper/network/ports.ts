import { existsSync, readFileSync, rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { Host } from '../../host/host.ts'
import type { PortForward } from '../../host/network.ts'
import { nextFreePort, portInUse } from '../../host/port-holder.ts'
import { closeListener, openListener } from '../libc/listen.ts'
import { readStateFile, writeStateFile } from '../state-file.ts'
import type { Firewall } from './firewall.ts'
import type { PortProxy } from './proxy/client.ts'
import type { ProxyListener } from './proxy/protocol.ts'

const EACCES = 13
const EADDRINUSE = 98
const EADDRNOTAVAIL = 99

/** Published ports: the host's socket is bound first, then the rules are set; the proxy serves what the rules do not. */
export function createPorts(
  folder: string,
  { proxy, firewall }: { readonly proxy: PortProxy; readonly firewall: Firewall },
): Pick<Host, 'openPorts' | 'closePorts'> & { restore(): Promise<ReadonlyMap<string, readonly PortForward[]>> } {
  const fileOf = (containerId: string) => path.join(folder, `${containerId}.json`)
  const forgetUdp = (forwards: readonly PortForward[]) => {
    const udp = forwards.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort)
    if (udp.length > 0) proxy.forgetUdp(udp)
  }
  return {
    async openPorts({ containerId, ports }) {
      const { forwards, listeners } = listen(ports)
      // Written down first: whatever goes wrong from here on, `closePorts` knows what to take back.
      writeStateFile(fileOf(containerId), forwards)
      proxy.open(containerId, listeners)
      await firewall.publish(containerId, forwards)
      forgetUdp(forwards)
      return forwards
    },
    async closePorts({ containerId }) {
      if (!existsSync(fileOf(containerId))) return
      const forwards = readStateFile<PortForward[]>(fileOf(containerId)) ?? []
      await rm(fileOf(containerId), { force: true })
      await firewall.unpublish(containerId)
      forgetUdp(forwards)
      await proxy.close(containerId)
    },
    /** Opens again what an earlier keeper had open; a port that was taken meanwhile is let go. */
    async restore() {
      const published = new Map<string, readonly PortForward[]>()
      for (const [containerId, forwards] of await readAll<PortForward[]>(folder)) {
        try {
          proxy.open(containerId, listen(forwards).listeners)
          published.set(containerId, forwards)
        } catch {
          rmSync(fileOf(containerId), { force: true })
        }
      }
      return published
    },
  }
}

/** Every record of a folder, by file name without its ending. What a killed keeper has not finished is removed. */
export async function readAll<T>(folder: string): Promise<Map<string, T>> {
  const found = new Map<string, T>()
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    const record = name.endsWith('.json') ? readStateFile<T>(path.join(folder, name)) : null
    if (record) found.set(path.basename(name, '.json'), record)
    else await rm(path.join(folder, name), { force: true })
  }
  return found
}

function listen(ports: readonly PortForward[]): { forwards: PortForward[]; listeners: ProxyListener[] } {
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

/** Opens the host's side of a port, or says who has it and which is free. */
function openPort({ protocol, hostIp, hostPort }: PortForward): { fd: number; port: number } {
  try {
    return openListener(protocol, hostIp, hostPort)
  } catch (error) {
    const where = `${hostIp}:${hostPort}`
    const { errno } = error as { errno?: number }
    if (errno === EADDRINUSE) throw portInUse({ hostIp, hostPort, protocol })
    if (errno === EACCES) {
      const floor = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim()
      throw new EngineError(
        'forbidden',
        'port.forbidden',
        `Bind for ${where} failed: ports below ${floor} need root; choose a higher one`,
        { details: { port: hostPort, nextFree: nextFreePort(Number(floor) + 7000, protocol) } },
      )
    }
    if (errno === EADDRNOTAVAIL)
      throw new EngineError(
        'invalidArgument',
        'port.bad-address',
        `Bind for ${where} failed: this machine has no address ${hostIp}`,
      )
    throw error
  }
}
