import os from 'node:os'
import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import type { Route } from '../router.ts'
import { diskUse } from './disk.ts'
import { listEvents } from './events.ts'

const SWARM_NOUNS = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs']

/** Ping, version, info, events, disk use, and what an engine outside a swarm says. */
export function systemRoutes(services: Services): Route[] {
  // A client takes the swarm's state from here before it asks `/info`.
  const ping = { 'Cache-Control': 'no-cache, no-store, must-revalidate', Pragma: 'no-cache', Swarm: 'inactive' }
  return [
    { method: 'GET', path: '/_ping', handle: () => ({ status: 200, json: 'OK', headers: ping }) },
    { method: 'HEAD', path: '/_ping', handle: () => ({ status: 200, json: '', headers: ping }) },
    { method: 'GET', path: '/version', handle: async () => ({ status: 200, json: await versionOf(services) }) },
    { method: 'GET', path: '/info', handle: async () => ({ status: 200, json: await infoOf(services) }) },
    { method: 'GET', path: '/events', handle: (request) => listEvents(services, request) },
    // There is no cache of builds to take from.
    {
      method: 'POST',
      path: '/build/prune',
      handle: () => {
        services.system.notePruned('builder', 0)
        return { status: 200, json: { CachesDeleted: [], SpaceReclaimed: 0 } }
      },
    },
    { method: 'GET', path: '/system/df', handle: (request) => diskUse(services, request) },
    ...SWARM_NOUNS.flatMap((noun) =>
      ['GET', 'POST', 'DELETE'].flatMap((method) => [
        { method, path: `/${noun}`, handle: swarm },
        { method, path: `/${noun}/{rest...}`, handle: swarm },
      ]),
    ),
  ]
}

const swarm = (): never => {
  throw new EngineError(
    'unavailable',
    'swarm.none',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  )
}

async function versionOf({ system }: Services) {
  const info = await system.info()
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'] ?? process.arch
  const details = { ApiVersion: '1.51', MinAPIVersion: '1.24', Arch: arch, Os: 'linux', KernelVersion: info.kernel }
  return {
    Platform: { Name: 'Slipway' },
    Components: [
      { Name: 'Engine', Version: info.version, Details: { ...details, Experimental: 'false' } },
      { Name: 'runc', Version: info.runtime.replace(/^runc /, ''), Details: {} },
    ],
    Version: info.version,
    ...details,
    GitCommit: '',
    GoVersion: `node ${process.version}`,
    BuildTime: '',
    Experimental: false,
  }
}

async function infoOf({ system, container, volume }: Services) {
  const info = await system.info()
  const containers = container.list(true)
  const count = (...states: string[]) => containers.filter(({ status }) => states.includes(status)).length
  return {
    ID: info.root,
    Name: os.hostname(),
    Containers: containers.length,
    ContainersRunning: count('running', 'restarting'),
    ContainersPaused: count('paused'),
    ContainersStopped: count('exited', 'created', 'dead'),
    Images: info.images,
    Driver: 'overlay2',
    DriverStatus: [],
    Plugins: {
      Volume: await volume.drivers(),
      Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null', 'overlay'],
      Authorization: [],
      Log: ['json-file'],
    },
    MemoryLimit: info.limits.includes('memory'),
    SwapLimit: info.limits.includes('swap'),
    CpuCfsPeriod: info.limits.includes('cpu'),
    CpuCfsQuota: info.limits.includes('cpu'),
    CPUShares: info.limits.includes('cpu'),
    CPUSet: info.limits.includes('cpuset'),
    PidsLimit: info.limits.includes('pids'),
    IPv4Forwarding: true,
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: info.cgroup === 'v2' ? '2' : '1',
    KernelVersion: info.kernel,
    OperatingSystem: 'Slipway',
    OSType: 'linux',
    Architecture: os.machine(),
    NCPU: info.cpus,
    MemTotal: info.memoryBytes,
    DockerRootDir: info.root,
    IndexServerAddress: '',
    RegistryConfig: { IndexConfigs: {}, InsecureRegistryCIDRs: [], Mirrors: [] },
    ServerVersion: info.version,
    Runtimes: { runc: { path: 'runc' } },
    DefaultRuntime: 'runc',
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    SecurityOptions: [
      ...(info.hasAppArmorProfile ? ['name=apparmor'] : []),
      'name=seccomp,profile=builtin',
      ...(info.mode === 'rootless' ? ['name=rootless'] : []),
    ],
    Warnings: info.warnings,
  }
}
