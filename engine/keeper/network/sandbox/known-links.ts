import { rmSync } from 'node:fs'
import path from 'node:path'
import type { BridgeNetworkParams, SandboxEndpoint } from '../../../host/network.ts'
import { writeStateFile } from '../../state-file.ts'
import { readAll } from '../read-all.ts'
import type { BridgeMade } from './bridge.ts'
import type { KnownBridge, KnownPlace } from './protocol.ts'

/** `bridges/<bridge>.json`. Earlier keepers have left those without what was made. */
type BridgeFile = BridgeNetworkParams & Partial<BridgeMade>

/** `endpoints/<container>.json`: a container's interfaces, and the default routes that it has. */
export interface JoinedContainer {
  readonly endpoints: readonly SandboxEndpoint[]
  readonly routes: readonly string[]
}

/** What the keeper has made, and how it would be made again. Kept in files for the next keeper. */
export interface KnownLinks {
  bridge(name: string): KnownBridge | undefined
  setBridge(params: BridgeNetworkParams, made: BridgeMade): void
  forgetBridge(name: string): void
  setContainer(containerId: string, joined: JoinedContainer): void
  container(containerId: string): JoinedContainer
  forgetContainer(containerId: string): void
  /** The bridges that lost interfaces are about: themselves, or what their containers' ports are on. `''`: all of them. */
  concerned(lost: readonly string[]): readonly string[]
  placesOn(bridge: string): readonly KnownPlace[]
  /** Takes up what an earlier keeper has made; answers with all bridges that it knew. */
  restore(): Promise<readonly BridgeNetworkParams[]>
}

/** Knows of nothing at first. `pathOf` names a container's namespace. */
export function createKnownLinks(stateFolder: string, pathOf: (containerId: string) => string): KnownLinks {
  const folders = { bridges: path.join(stateFolder, 'bridges'), endpoints: path.join(stateFolder, 'endpoints') }
  const bridges = new Map<string, KnownBridge>()
  const containers = new Map<string, JoinedContainer>()
  const fileOf = (folder: keyof typeof folders, name: string) => path.join(folders[folder], `${name}.json`)
  return {
    bridge: (name) => bridges.get(name),
    setBridge(params, made) {
      bridges.set(params.bridge, { params, ...made })
      writeStateFile(fileOf('bridges', params.bridge), { ...params, ...made } satisfies BridgeFile)
    },
    forgetBridge(name) {
      bridges.delete(name)
      rmSync(fileOf('bridges', name), { force: true })
    },
    container: (containerId) => containers.get(containerId) ?? { endpoints: [], routes: [] },
    setContainer(containerId, joined) {
      containers.set(containerId, joined)
      writeStateFile(fileOf('endpoints', containerId), joined)
    },
    forgetContainer(containerId) {
      containers.delete(containerId)
      rmSync(fileOf('endpoints', containerId), { force: true })
    },
    concerned(lost) {
      const ports = [...containers.values()].flatMap(({ endpoints }) => endpoints)
      const isLost = (name: string) => lost.includes('') || lost.includes(name)
      return [...bridges.keys()].filter(
        (bridge) => isLost(bridge) || ports.some(({ link, hostInterface }) => link === bridge && isLost(hostInterface)),
      )
    },
    placesOn: (bridge) =>
      [...containers].flatMap(([containerId, { endpoints, routes }]) =>
        endpoints
          .filter(({ kind, link }) => kind === 'bridge' && link === bridge)
          .map((endpoint) => ({ netnsPath: pathOf(containerId), endpoint, routes })),
      ),
    async restore() {
      for (const [containerId, joined] of await readAll<JoinedContainer>(folders.endpoints))
        containers.set(containerId, joined)
      const found = [...(await readAll<BridgeFile>(folders.bridges)).values()]
      return found.map(({ mac, isOurs, ...params }) => {
        if (mac !== undefined && isOurs !== undefined) bridges.set(params.bridge, { params, mac, isOurs })
        return params
      })
    },
  }
}

const isSix = (route: string) => route.includes(':')

/** A container with one more interface: the default routes of that one take the place of those of their version. */
export function withEndpoint({ endpoints, routes }: JoinedContainer, added: SandboxEndpoint): JoinedContainer {
  const stay = routes.filter((route) => !added.routes.some((other) => isSix(other) === isSix(route)))
  return { endpoints: [...endpoints, added], routes: [...stay, ...added.routes] }
}

/** A container without an interface, and with the default routes that remain. */
export function withoutEndpoint(
  { endpoints }: JoinedContainer,
  { containerInterface, routes }: { readonly containerInterface: string; readonly routes: readonly string[] },
): JoinedContainer {
  return { endpoints: endpoints.filter((one) => one.containerInterface !== containerInterface), routes }
}
