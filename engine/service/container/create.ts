import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type CreateContainer, PortBinding } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { createRandomName, newId, validateName } from '../../lib/names.ts'
import { parseSignal } from '../../lib/signals.ts'
import { type ImageConfig, parseImageConfig, resolveProcess } from '../../runtime/process.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findImage } from '../image/find.ts'
import { hostnameOf, planEndpoints, resolveRequest } from '../network/request.ts'
import { createUndoStack, type UndoStack } from '../undo.ts'
import { removeVolumeRecord } from '../volume/remove.ts'
import { type VolumePlan, withVolumes } from '../volume/with-volumes.ts'
import { completeRequest } from './complete-request.ts'
import { assertNameFree } from './find.ts'
import { resolveMounts } from './mounts.ts'
import { publishContainer } from './update-state.ts'

/** Makes a container from an image: its record, folders and volumes, but no process yet. */
export async function createContainer(
  context: ServiceContext,
  config: CreateContainer,
): Promise<{ id: string; warnings: string[] }> {
  // Without an image nothing is made for it, at no plugin either.
  findImage(context.images, config.image)
  return withVolumes(
    context,
    { config, kept: [] },
    {
      plan: (volumes) => context.locks.withLock('containers', () => createLocked(context, config, volumes)),
      finish: async (made) => made,
    },
  )
}

async function createLocked(
  context: ServiceContext,
  config: CreateContainer,
  volumes: VolumePlan,
): Promise<{ id: string; warnings: string[] }> {
  const image = findImage(context.images, config.image)
  const name = chooseName(context, config.name)
  const id = newId()
  const undo = createUndoStack(context.log)
  try {
    const { warnings, ...resolved } = await resolveContainer(
      context,
      { id, imageId: image.id, config, kept: [], volumes },
      undo,
    )
    undo.add('container folder', () => rm(context.layout.container(id), { recursive: true, force: true }))
    for (const folder of [context.layout.upper(id), context.layout.work(id), context.layout.merged(id)]) {
      await mkdir(folder, { recursive: true, mode: 0o755 })
    }
    await mkdir(path.dirname(context.layout.log(id)), { recursive: true, mode: 0o700 })
    const record: ContainerRecord = {
      version: 1,
      id,
      name,
      createdAt: context.now().toISOString(),
      imageId: image.id,
      chainIds: image.layers.map((layer) => layer.chainId),
      ...resolved,
      ports: [],
      state: {
        status: 'created',
        exitCode: 0,
        error: '',
        oomKilled: false,
        startedAt: '',
        finishedAt: '',
        init: null,
        conmon: null,
        appArmor: '',
        health: 'none',
        restartCount: 0,
        isStoppedByUser: false,
        isStoppedByEngine: false,
        isBeingReplaced: false,
        outcome: null,
        removesVolumes: false,
        mountedVolumes: [],
      },
    }
    await writeFile(context.layout.containerFile(id, 'hostname'), `${record.hostname}\n`, { mode: 0o644 })
    await context.containers.put(record)
    publishContainer(context, record, 'create')
    return { id, warnings: [...warnings] }
  } catch (error) {
    await undo.run()
    throw error
  }
}

/** What a request comes to with its image: what will really run, where, and with what. */
export interface ResolvedContainer
  extends Pick<ContainerRecord, 'config' | 'hostname' | 'process' | 'mounts' | 'endpoints'> {
  readonly warnings: readonly string[]
}

/** Checks a request and makes the volumes that it needs. Anonymous volumes among `kept` are used again at their places. */
export async function resolveContainer(
  context: ServiceContext,
  input: {
    readonly id: string
    readonly imageId: string
    readonly config: CreateContainer
    readonly kept: ContainerRecord['mounts']
    readonly volumes: VolumePlan
  },
  undo: UndoStack,
): Promise<ResolvedContainer> {
  const image = parseImageConfig(await readFile(context.layout.blob(input.imageId), 'utf8'))
  const process = resolveProcess(image, input.config)
  parseSignal(process.stopSignal)
  const { config: checked, warnings } = await completeRequest(context, addImageFacts(input.config, image))
  const config = resolveRequest(context, checked)
  const endpoints = planEndpoints(context, config)
  const { kept, volumes } = input
  const mounts = await resolveMounts(context, { config, imageVolumes: image.volumes, kept, volumes }, (name) =>
    undo.add('volume', () => removeVolumeRecord(context, name, 1)),
  )
  return { config, hostname: hostnameOf(config, input.id), process, mounts, endpoints, warnings }
}

/** The request with the labels and ports of its image, which a container shows as its own. */
function addImageFacts(config: CreateContainer, image: ImageConfig): CreateContainer {
  const key = ({ containerPort, protocol }: CreateContainer['ports'][number]) => `${containerPort}/${protocol}`
  const bound = new Set(config.ports.map(key))
  const exposedPorts = [...new Set([...config.exposedPorts, ...image.exposedPorts, ...bound])]
  const published = config.publishAllPorts ? exposedPorts.filter((port) => !bound.has(port)) : []
  return {
    ...config,
    labels: { ...image.labels, ...config.labels },
    exposedPorts,
    ports: [...config.ports, ...published.map(toBinding)],
  }
}

function toBinding(port: string): CreateContainer['ports'][number] {
  const [containerPort, protocol] = port.split('/')
  const parsed = PortBinding.safeParse({ containerPort: Number(containerPort), protocol })
  if (parsed.success) return parsed.data
  throw new EngineError('invalidArgument', 'port.invalid', `exposed port ${JSON.stringify(port)} cannot be published`)
}

function chooseName(context: ServiceContext, wanted: string): string {
  const taken = (name: string) => context.containers.list().find((record) => record.name === name)
  const asked = wanted.replace(/^\//, '')
  if (asked === '') {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const name = createRandomName()
      if (!taken(name)) return name
    }
    return newId().slice(0, 12)
  }
  validateName(asked, 'container name')
  assertNameFree(context.containers, asked)
  return asked
}
