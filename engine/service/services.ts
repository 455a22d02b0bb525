import type { ContainerChange, CreateContainer, PortBinding, TerminalIn } from '../contract/container.ts'
import type { RegistryAuth } from '../contract/image.ts'
import type { CreateNetwork, NetworkSettingsChange } from '../contract/network.ts'
import type { RegistrySettings } from '../contract/registry.ts'
import type { SystemInfo } from '../contract/system.ts'
import { type HostInfo, hasSwapLimit } from '../runtime/container-runtime.ts'
import { createContainer } from './container/create.ts'
import {
  exportContainer,
  listContainerChanges,
  readContainerArchive,
  statContainerPath,
  writeContainerArchive,
} from './container/files.ts'
import { createHealthMonitor } from './container/health.ts'
import { inspectContainer, listContainerRows, listContainers } from './container/list.ts'
import { followLog, readLogWindow } from './container/logs.ts'
import { pauseContainer, unpauseContainer } from './container/pause.ts'
import { setContainerPorts } from './container/ports.ts'
import { listContainerProcesses, measureContainer, resizeContainer } from './container/processes.ts'
import { pruneContainers } from './container/prune.ts'
import { recreateContainer } from './container/recreate.ts'
import { removeContainer } from './container/remove.ts'
import { renameContainer } from './container/rename.ts'
import { restartContainer } from './container/restart.ts'
import { startContainer } from './container/start.ts'
import { streamStats } from './container/stats.ts'
import { killContainer, type StopOptions, stopContainer } from './container/stop.ts'
import {
  type AttachOptions,
  attachContainer,
  type ExecRequest,
  execInContainer,
  noteExec,
} from './container/terminal.ts'
import { type ContainerUpdate, updateContainer } from './container/update.ts'
import { waitForExit } from './container/wait.ts'
import type { ServiceContext } from './context.ts'
import { measureDisk, measureImages } from './disk-usage.ts'
import type { Peer } from './docker/clients.ts'
import { createDockerContext, describeDockerApi, noteServed, noteServing, offerDockerSocket } from './docker/docker.ts'
import { type CommitRequest, commitContainer } from './image/commit.ts'
import { createStarter, importArchive, importTar, loadArchive, type TarImport } from './image/import.ts'
import { importUrl } from './image/import-url.ts'
import { createLayerFiles } from './image/layer-files.ts'
import { inspectImage, listImages } from './image/list.ts'
import { type PruneOptions, pruneImages } from './image/prune.ts'
import { type PullRequest, pullImage } from './image/pull.ts'
import { localTags, type PushRequest, pushImage } from './image/push.ts'
import { describeRemote, openRepository } from './image/remote.ts'
import { removeImage, tagImage } from './image/remove.ts'
import { saveImages, saveToFile } from './image/save.ts'
import { type CaptureRequest, captureInterface } from './network/capture.ts'
import { describeCluster } from './network/cluster.ts'
import { connectNetwork } from './network/connect.ts'
import { createNetwork } from './network/create.ts'
import { disconnectNetwork } from './network/disconnect.ts'
import { inspectNetwork, listNetworks } from './network/list.ts'
import { describeMachine } from './network/machine.ts'
import { probeFrom } from './network/reach/probe.ts'
import { describeReach } from './network/reach/reach.ts'
import { pruneNetworks, removeNetwork } from './network/remove.ts'
import { readContainerRules, readNetworkRules } from './network/rules.ts'
import { writeNetworkSettings } from './network/settings.ts'
import { streamTraffic } from './network/traffic.ts'
import { publishPrune } from './prune.ts'
import {
  listLogins,
  logIn,
  logOut,
  readRegistrySettings,
  testLogin,
  writeRegistrySettings,
} from './registry/registries.ts'
import { createVolume, type VolumeRequest } from './volume/create.ts'
import { pruneVolumes } from './volume/prune.ts'
import { removeVolume } from './volume/remove.ts'
import { inspectVolume, listAllVolumes, listVolumes, measureVolumes } from './volume/volumes.ts'

/** What services ask about the machine; filled by the composition root. */
export interface MachineFacts {
  info(): Promise<HostInfo>
  portAdvice(input: {
    port: number
    protocol: 'tcp' | 'udp'
  }): Promise<{ inUse: boolean; holder: string; nextFree: number }>
}

/** Every use-case, bound to one context. Transports call these and nothing below. */
export function createServices(context: ServiceContext, machine: MachineFacts) {
  const health = createHealthMonitor(context)
  const start = async (id: string) => {
    await startContainer(context, id)
  }
  return {
    health,
    container: {
      list: (all: boolean) => listContainers(context, all),
      rows: (all: boolean) => listContainerRows(context, all),
      inspect: (id: string) => inspectContainer(context, health, id),
      create: (config: CreateContainer) => createContainer(context, config),
      start,
      stop: (id: string, options?: StopOptions) => stopContainer(context, id, options),
      restart: (id: string, options?: StopOptions) => restartContainer(context, id, { ...options, start }),
      update: (id: string, update: ContainerUpdate) => updateContainer(context, id, update),
      processes: (id: string, psArgs: readonly string[]) => listContainerProcesses(context, id, psArgs),
      resize: (id: string, size: { columns: number; rows: number }) => resizeContainer(context, id, size),
      measure: (id: string) => measureContainer(context, id),
      kill: (id: string, signal: string) => killContainer(context, id, signal),
      pause: (id: string) => pauseContainer(context, id),
      unpause: (id: string) => unpauseContainer(context, id),
      rename: (id: string, name: string) => renameContainer(context, id, name),
      setPorts: (id: string, ports: readonly PortBinding[]) => setContainerPorts(context, id, ports),
      recreate: (id: string, change: ContainerChange) => recreateContainer(context, id, change),
      remove: (id: string, options: { force: boolean; volumes: boolean }) => removeContainer(context, id, options),
      prune: (isWanted: Parameters<typeof pruneContainers>[1]) => pruneContainers(context, isWanted),
      wait: (id: string, signal?: AbortSignal) => waitForExit(context, id, signal),
      logWindow: (input: Parameters<typeof readLogWindow>[1]) => readLogWindow(context, input),
      logFollow: (input: { id: string; from: number }, signal: AbortSignal) => followLog(context, input, signal),
      stats: (ids: readonly string[], signal: AbortSignal) => streamStats(context, ids, signal),
      attach: (
        id: string,
        up: AsyncIterable<TerminalIn>,
        signal: AbortSignal,
        options: Omit<AttachOptions, 'signal'> = {},
      ) => attachContainer(context, id, up, { signal, ...options }),
      statPath: (id: string, path: string) => statContainerPath(context, id, path),
      readArchive: (input: Parameters<typeof readContainerArchive>[1], signal: AbortSignal) =>
        readContainerArchive(context, input, signal),
      writeArchive: (
        input: Parameters<typeof writeContainerArchive>[1],
        content: Parameters<typeof writeContainerArchive>[2],
        signal: AbortSignal,
      ) => writeContainerArchive(context, input, content, signal),
      export: (id: string, signal: AbortSignal) => exportContainer(context, id, signal),
      changes: (id: string) => listContainerChanges(context, id),
      noteExec: (request: Parameters<typeof noteExec>[1]) => noteExec(context, request),
      exec: (
        request: ExecRequest,
        up: AsyncIterable<TerminalIn>,
        signal: AbortSignal,
        onStarted?: (pid: number) => void,
      ) => execInContainer(context, request, up, { signal, onStarted }),
    },
    image: {
      list: () => listImages(context),
      inspect: (id: string) => inspectImage(context, id),
      importArchive: (path: string, signal: AbortSignal) => importArchive(context, path, signal),
      load: (archive: AsyncIterable<Uint8Array>, signal: AbortSignal) => loadArchive(context, archive, signal),
      createStarter: (signal: AbortSignal) => createStarter(context, signal),
      pull: (request: PullRequest, signal: AbortSignal) => pullImage(context, request, signal),
      localTags: (name: string) => localTags(context, name),
      push: (request: PushRequest, signal: AbortSignal) => pushImage(context, request, signal),
      save: (names: readonly string[]) => saveImages(context, names),
      saveToFile: (names: readonly string[], path: string, signal: AbortSignal) =>
        saveToFile(context, { names, path }, signal),
      commit: (request: CommitRequest, signal: AbortSignal) => commitContainer(context, request, signal),
      importTar: (archive: AsyncIterable<Uint8Array>, input: TarImport, signal: AbortSignal) =>
        importTar(context, archive, input, signal),
      importUrl: (input: Parameters<typeof importUrl>[1], signal: AbortSignal) => importUrl(context, input, signal),
      layerFiles: createLayerFiles(context),
      prune: (options: PruneOptions) => pruneImages(context, options),
      tag: (id: string, reference: string) => tagImage(context, id, reference),
      remove: (id: string, force: boolean) => removeImage(context, id, force),
    },
    registry: {
      list: () => listLogins(context),
      login: (input: Parameters<typeof logIn>[1], signal: AbortSignal) => logIn(context, input, signal),
      logout: (host: string) => logOut(context, host),
      test: (host: string, signal: AbortSignal) => testLogin(context, host, signal),
      settings: () => readRegistrySettings(context),
      setSettings: (settings: RegistrySettings) => writeRegistrySettings(context, settings),
      search: (
        { auth, ...query }: { term: string; limit: number; auth?: RegistryAuth | undefined },
        signal: AbortSignal,
      ) => context.registry.search({ ...query, credentials: auth, signal }),
      checkLogin: (host: string, auth: RegistryAuth, signal: AbortSignal) =>
        context.registry.checkLogin(host, auth, signal),
      tags: async (input: { reference: string; auth?: RegistryAuth | undefined }, signal: AbortSignal) =>
        (await openRepository(context, input)).tags(signal),
      describe: (input: { reference: string; auth?: RegistryAuth | undefined }, signal: AbortSignal) =>
        describeRemote(context, input, signal),
    },
    docker: {
      describe: () => describeDockerApi(context),
      createContext: () => createDockerContext(context),
      offerSocket: (isOn: boolean) => offerDockerSocket(context, isOn),
      connect: (peer: Peer) => context.clients.connect(peer),
      noteServing: () => noteServing(context),
      noteServed: () => noteServed(context),
    },
    volume: {
      /** Those that were made or used here. */
      list: () => listVolumes(context),
      listAll: () => listAllVolumes(context),
      sizes: () => measureVolumes(context),
      inspect: (name: string) => inspectVolume(context, name),
      /** Names of the drivers that are there. */
      drivers: async () => ['local', ...(await context.volumePlugins.list())],
      create: (input: VolumeRequest) => createVolume(context, input),
      remove: (name: string, options = { force: false }) => removeVolume(context, name, options),
      prune: (isWanted: Parameters<typeof pruneVolumes>[1]) => pruneVolumes(context, isWanted),
    },
    network: {
      list: () => listNetworks(context),
      inspect: (id: string) => inspectNetwork(context, id),
      create: (config: CreateNetwork) => createNetwork(context, config),
      remove: (id: string) => removeNetwork(context, id),
      prune: (isWanted: Parameters<typeof pruneNetworks>[1]) => pruneNetworks(context, isWanted),
      connect: (input: Parameters<typeof connectNetwork>[1]) => connectNetwork(context, input),
      traffic: (signal: AbortSignal) => streamTraffic(context, signal),
      disconnect: (input: Parameters<typeof disconnectNetwork>[1]) => disconnectNetwork(context, input),
      machine: () => describeMachine(context),
      rules: ({ of, id }: { of: 'network' | 'container'; id: string }) =>
        of === 'network' ? readNetworkRules(context, id) : readContainerRules(context, id),
      settings: () => context.networkSettings.current(),
      setSettings: (change: NetworkSettingsChange) => writeNetworkSettings(context, change),
    },
    capture: {
      start: (request: CaptureRequest, how: Parameters<typeof captureInterface>[2]) =>
        captureInterface(context, request, how),
    },
    reach: {
      describe: (input: Parameters<typeof describeReach>[1]) => describeReach(context, input),
      probe: (input: Parameters<typeof probeFrom>[1]) => probeFrom(context, input),
    },
    system: {
      info: () => describeSystem(context, machine),
      diskUsage: () => measureDisk(context),
      imageUsage: () => measureImages(context),
      events: (signal: AbortSignal) => context.bus.subscribe(signal),
      recentEvents: () => context.bus.recent(),
      notePruned: (type: Parameters<typeof publishPrune>[1], reclaimedBytes: number) =>
        publishPrune(context, type, reclaimedBytes),
      portAdvice: machine.portAdvice,
    },
  }
}
export type Services = ReturnType<typeof createServices>

async function describeSystem(context: ServiceContext, machine: MachineFacts): Promise<SystemInfo> {
  const info = await machine.info()
  return {
    version: context.config.version,
    mode: info.mode,
    root: context.config.root,
    socket: context.config.socket,
    kernel: info.kernel,
    cgroup: info.cgroup,
    limits: [
      ...info.controllers,
      ...(info.controllers.includes('memory') && hasSwapLimit(info.cgroup) ? ['swap'] : []),
    ],
    cpus: info.cpus,
    memoryBytes: info.memoryBytes,
    runtime: info.runtime,
    containers: context.containers.list().length,
    images: context.images.list().length,
    keeperPid: info.pid,
    innerNetns: info.innerNetns,
    hasAppArmorProfile: info.appArmor === 'loaded',
    warnings: [...info.warnings],
    cluster: describeCluster(context),
  }
}
