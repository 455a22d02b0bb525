import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createHandlers } from './api/handlers.ts'
import { serveDockerApi } from './api/rest/server.ts'
import { createCluster } from './cluster/cluster.ts'
import { openStore } from './cluster/etcd.ts'
import { readBoot, readHostId } from './cluster/host-id.ts'
import { noCluster } from './cluster/no-cluster.ts'
import type { EngineConfig } from './config.ts'
import { EngineError } from './contract/errors.ts'
import type { Handlers } from './contract/index.ts'
import { NetworkSettings } from './contract/network.ts'
import { collectWhenCalm } from './host/calm-collection.ts'
import type { HostClient } from './host/client.ts'
import type { HostEvent } from './host/host.ts'
import { installKeeper } from './host/install-keeper.ts'
import { installProgram, removeOldCopies } from './host/install-program.ts'
import { ensureKeeper } from './host/launch.ts'
import { isPeerGone, peerOf } from './host/peer.ts'
import { isPortInUse, meets, namePortHolder, nextFreePort, type PortHeld, portHolder } from './host/port-holder.ts'
import { programName } from './host/program-name.ts'
import { createHostSupervisor } from './host/supervisor.ts'
import { createImageStore } from './image/image-store.ts'
import { run } from './keeper/exec.ts'
import { createLocks } from './lib/async.ts'
import { createNetworks, type Networks } from './network/networks.ts'
import { createRegistry } from './registry/registry.ts'
import { createContainerFiles } from './runtime/container-files.ts'
import { createContainerRuntime } from './runtime/container-runtime.ts'
import { SECCOMP_PROFILE } from './runtime/seccomp.ts'
import { comeBack } from './service/come-back.ts'
import { createSupervisor } from './service/container/exit.ts'
import { isAlive } from './service/container/state.ts'
import { stopContainer } from './service/container/stop.ts'
import type { Logger, ServiceContext } from './service/context.ts'
import { createApiClients } from './service/docker/clients.ts'
import { createEventBus } from './service/events.ts'
import { settleReferences } from './service/image/references.ts'
import { joinCluster } from './service/network/cluster.ts'
import { ensureDefaultNetworks } from './service/network/defaults.ts'
import { noteMended } from './service/network/mended.ts'
import { ensureNetworks, restoreNames } from './service/network/refresh.ts'
import { openNetworkSettings } from './service/network/settings.ts'
import { recoverContainers } from './service/recover.ts'
import { createServices, type Services } from './service/services.ts'
import { sweepFolders } from './service/sweep.ts'
import { createVolumeClaims } from './service/volume/claims.ts'
import { createLayout, type Layout } from './store/layout.ts'
import { openRecordStore } from './store/records.ts'
import { ContainerRecord, ImageRecord, NetworkRecord, VolumeRecord } from './store/schema.ts'
import { createSettingsFile } from './store/settings-file.ts'
import { createLocalVolumeDriver } from './volume/local.ts'
import { createVolumePlugins } from './volume/plugins.ts'

const HELPER_SECONDS = 20
const ADOPT_ATTEMPTS = 10

/** A running engine. */
export interface Engine {
  readonly handlers: Handlers
  readonly services: Services
  /** Serves the Docker Engine API on the configured socket. */
  listen(): Promise<void>
  /** Lets go of everything but the containers; with `stopContainers` of them and the keeper too. */
  close(options: { readonly stopContainers: boolean }): Promise<void>
}

/** Puts the engine together: stores, keeper, mechanisms, services, and recovery of what runs. It alone sees every layer. */
export async function createEngine(config: EngineConfig, log: Logger = silentLogger): Promise<Engine> {
  const layout = createLayout(config.root, config.runtimeDir)
  await prepareFolders(layout, config)
  const stores = await openStores(layout, log)
  const keeperFile = installKeeper(config.keeperFile, config.root)
  const program = async () => (config.appMount ? installProgram(process.execPath, config.root) : process.execPath)
  const { runtimeDir, appMount, mode, ociRuntime } = config
  const host = await createHostSupervisor(
    (onClose) => ensureKeeper({ runtimeDir, keeperFile, program, appMount, mode, ociRuntime, onClose }),
    (error) => log.error({ error: String(error) }, 'keeper could not be restarted'),
  )
  let info = await host.info({})
  const now = () => new Date()
  const cluster = await openCluster(config, layout, { host, log })
  const networks = createNetworks(host, () => cluster.describe().address)
  await ensureDefaultNetworks({ networks: stores.networks, network: networks, config, now })
  const containerOn = ({ hostIp, hostPort, protocol }: PortHeld) =>
    stores.containers
      .list()
      .find(({ ports }) =>
        ports.some((one) => one.hostPort === hostPort && one.protocol === protocol && meets(one.hostIp, hostIp)),
      )?.name ?? ''
  const network: Networks = {
    ...networks,
    publish: (id, ports) => namePortHolder(networks.publish(id, ports), containerOn),
  }
  const locks = createLocks()
  const bus = createEventBus(now)
  const context: ServiceContext = {
    config,
    layout,
    ...stores,
    network,
    networkSettings: await openNetworkSettings(createSettingsFile(layout.networkSettings, NetworkSettings)),
    hasIpv6: () => Object.values(os.networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6')),
    cluster,
    runtime: createContainerRuntime({
      host,
      info: () => info,
      layout,
      logMaxBytes: config.logMaxBytes,
      logMaxFiles: config.logMaxFiles,
      seccompProfile: await readFile(SECCOMP_PROFILE, 'utf8').catch(() => ''),
    }),
    files: createContainerFiles({ host, layout, socketFolder: config.runtimeDir }),
    image: createImageStore({
      host,
      layout,
      ...stores,
      locks,
      now,
      onFailure: (key, error) => log.warn({ key, error: String(error) }, 'content not removed'),
    }),
    registry: createRegistry({
      configFolder: config.dockerConfigFolder,
      settingsFile: layout.registries,
      insecure: config.insecureRegistries,
      certificates: config.certificates,
      runHelper: (argv, input) => run(argv, { input, timeoutSeconds: HELPER_SECONDS, okExitCodes: 'any' }),
      onHelperFailure: (failure) => log.warn({ failure }, 'credential helper failed'),
    }),
    volume: createLocalVolumeDriver(host),
    volumePlugins: createVolumePlugins({ folders: config.pluginFolders }),
    locks,
    beforeStart: new Map(),
    bus,
    starting: new Set(),
    volumeClaims: createVolumeClaims(),
    stopping: new Set(),
    clients: createApiClients({ bus, now, programOf: programName }),
    log,
    now,
  }
  const supervisor = createSupervisor(context)
  const services = createServices(context, { info: () => host.info({}), portAdvice: advisePort })
  const onHostEvent = async (event: HostEvent) => {
    if (event.type === 'exit') await supervisor.handleExit(event)
    if (event.type === 'links-mended') await noteMended(context, event)
  }
  const adopt = async () => {
    await joinCluster(context)
    info = await host.info({})
    await ensureNetworks(context)
    await context.image.sweep()
    await listen(host, onHostEvent, log)
    await recoverContainers(context, {
      listLive: () => host.listContainers({}),
      listTraces: () => host.listTraces({}),
      supervisor,
      health: services.health,
    })
    await restoreNames(context)
  }
  host.onReplaced(() =>
    adopt().catch((error: unknown) => log.error({ error: String(error) }, 'recovery after a new keeper failed')),
  )
  const watching = new AbortController()
  // Before anything is started: recovery itself brings containers back.
  void watchStarts(context, services, watching.signal)
  await sweepFolders(context)
  await settleReferences(context)
  await untilKept(adopt)
  const comingBack = comeBack(context, watching.signal)
  removeOldCopies(config.root, [keeperFile])
  let docker: { close(): Promise<void> } | undefined
  const stopCollecting = collectWhenCalm()

  return {
    handlers: createHandlers(services),
    services,
    async listen() {
      docker = await serveDockerApi(services, { socket: config.socket, peerOf, isPeerGone })
      await services.docker.noteServing()
    },
    async close({ stopContainers }) {
      await services.docker.noteServed()
      await docker?.close()
      watching.abort()
      stopCollecting()
      await comingBack
      if (stopContainers) await stopEverything(context, host)
      cluster.close()
      supervisor.close()
      services.health.close()
      await context.registry.close()
      host.close()
    },
  }
}

/** Does the work again when a keeper dies over it. */
async function untilKept(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (EngineError.from(error).reason !== 'keeper.lost' || attempt === ADOPT_ATTEMPTS) throw error
    }
  }
}

/** This host's part in its cluster. In rootless mode there is none: what comes from other hosts does not get in. */
async function openCluster(
  { mode, cluster: config }: EngineConfig,
  layout: Layout,
  { host, log }: { readonly host: HostClient; readonly log: Logger },
) {
  if (mode === 'rootless' || config.store.length === 0) return noCluster
  return createCluster({
    config,
    hostId: await readHostId(layout.hostId),
    boot: await readBoot(),
    openStore,
    keepLease: (params) => host.keepLease(params),
    log,
  })
}

async function stopEverything(context: ServiceContext, host: HostClient): Promise<void> {
  const stoppable = context.containers
    .list()
    .filter(({ state }) => isAlive(state.status) || state.status === 'restarting')
  await Promise.all(
    stoppable.map(({ id }) =>
      stopContainer(context, id, { isByEngine: true }).catch((error: unknown) =>
        context.log.warn({ id, error: String(error) }, 'stop failed'),
      ),
    ),
  )
  for (const record of context.networks.list())
    await context.network
      .remove(record)
      .catch((error: unknown) =>
        context.log.warn({ network: record.name, error: String(error) }, 'network not removed'),
      )
  await context.cluster.leave()
  await host.shutdown({})
}

/** Healthchecks begin with each start, whoever asked for it. */
async function watchStarts(context: ServiceContext, services: Services, signal: AbortSignal): Promise<void> {
  for await (const event of context.bus.subscribe(signal)) {
    const record = event.type === 'container' && event.action === 'start' ? context.containers.get(event.id) : undefined
    if (record) services.health.watch(record)
  }
}

async function listen(host: HostClient, on: (event: HostEvent) => Promise<void>, log: Logger): Promise<void> {
  const events = await host.events({})
  events.on('error', () => {})
  events.on('data', (chunk: Buffer) => {
    const event = JSON.parse(chunk.toString()) as HostEvent
    void on(event).catch((error: unknown) => log.error({ error: String(error) }, `${event.type} not handled`))
  })
}

async function prepareFolders(layout: Layout, config: EngineConfig): Promise<void> {
  await mkdir(layout.root, { recursive: true, mode: 0o711 })
  // Sockets lie here: nobody else comes near them, whatever their own modes.
  await mkdir(config.runtimeDir, { recursive: true, mode: 0o700 })
  await chmod(config.runtimeDir, 0o700)
  for (const folder of [layout.blobs, layout.layers, layout.temporary])
    await mkdir(folder, { recursive: true, mode: 0o711 })
  for (const name of await readdir(layout.temporary))
    await rm(path.join(layout.temporary, name), { recursive: true, force: true })
}

async function openStores(layout: Layout, log: Logger) {
  const onUnreadable = (file: string, error: unknown) => log.error({ file, error: String(error) }, 'record set aside')
  const flat = (id: string) => `${id.replace('sha256:', '')}.json`
  const [containers, images, volumes, networks] = await Promise.all([
    openRecordStore({
      folder: layout.containers,
      fileOf: (id) => `${id}/record.json`,
      idOf: ({ id }) => id,
      schema: ContainerRecord,
      onUnreadable,
    }),
    openRecordStore({ folder: layout.images, fileOf: flat, idOf: ({ id }) => id, schema: ImageRecord, onUnreadable }),
    openRecordStore({
      folder: layout.volumes,
      fileOf: (name) => `${name}/record.json`,
      idOf: ({ name }) => name,
      schema: VolumeRecord,
      onUnreadable,
    }),
    openRecordStore({
      folder: layout.networks,
      fileOf: flat,
      idOf: ({ name }) => name,
      schema: NetworkRecord,
      onUnreadable,
    }),
  ])
  return { containers, images, volumes, networks }
}

/** Asked here, not at the keeper, because the engine sees what its user's programs hold. */
async function advisePort({ port, protocol }: { port: number; protocol: 'tcp' | 'udp' }) {
  const inUse = isPortInUse(port, protocol)
  return { inUse, holder: inUse ? portHolder(port, protocol) : '', nextFree: nextFreePort(port, protocol) }
}

const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} }
