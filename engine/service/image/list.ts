import { readFile } from 'node:fs/promises'
import type { ImageDetail, ImageSummary } from '../../contract/image.ts'
import { familiarReference } from '../../lib/reference.ts'
import { type ImageConfig, parseImageConfig } from '../../runtime/process.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findImage } from './find.ts'
import { countLayerUsers, sizesOf } from './sharing.ts'

/** Every image, newest import first. */
export async function listImages(context: ServiceContext): Promise<ImageSummary[]> {
  const users = usersOf(context)
  const layerUsers = countLayerUsers(context.images.list())
  const summaries = await Promise.all(
    context.images.list().map(async (record) => ({
      record,
      summary: { ...summarise(users, record, await configOf(context, record)), ...sizesOf(record, layerUsers) },
    })),
  )
  return summaries.sort((a, b) => b.record.importedAt.localeCompare(a.record.importedAt)).map(({ summary }) => summary)
}

/** One image with its config, layers and history. */
export async function inspectImage(context: ServiceContext, ref: string): Promise<ImageDetail> {
  const record = findImage(context.images, ref)
  const config = await configOf(context, record)
  return {
    ...summarise(usersOf(context), record, config),
    ...sizesOf(record, countLayerUsers(context.images.list())),
    command: [...(config.command ?? [])],
    entrypoint: [...(config.entrypoint ?? [])],
    env: [...config.env],
    workingDir: config.workingDir,
    user: config.user,
    exposedPorts: [...config.exposedPorts],
    volumes: [...config.volumes],
    stopSignal: config.stopSignal,
    manifestDigest: record.manifest?.digest ?? '',
    layers: record.layers.map((layer) => ({ ...layer })),
    history: config.history.map((entry) => ({ ...entry })),
  }
}

/** A config never changes under its digest: it is read once, and forgotten with its record. */
const configs = new WeakMap<ImageRecord, Promise<ImageConfig>>()

export function configOf(context: ServiceContext, record: ImageRecord): Promise<ImageConfig> {
  const known = configs.get(record)
  if (known) return known
  const reading = readFile(context.layout.blob(record.id), 'utf8').then(parseImageConfig)
  reading.catch(() => configs.delete(record))
  configs.set(record, reading)
  return reading
}

/** Ids of containers by the image that they were made from. */
function usersOf(context: ServiceContext): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>()
  for (const { id, imageId } of context.containers.list()) users.set(imageId, [...(users.get(imageId) ?? []), id])
  return users
}

function summarise(
  users: ReadonlyMap<string, readonly string[]>,
  record: ImageRecord,
  config: ImageConfig,
): Omit<ImageSummary, 'sizeBytes' | 'sharedBytes'> {
  return {
    id: record.id,
    references: record.references.map(familiarReference),
    repoDigests: record.repoDigests.map(familiarReference),
    createdAt: config.createdAt,
    architecture: config.architecture,
    os: config.os,
    layerCount: record.layers.length,
    labels: { ...config.labels },
    usedBy: [...(users.get(record.id) ?? [])],
  }
}
