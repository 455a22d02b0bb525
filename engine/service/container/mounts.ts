import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type CreateContainer, MountSpec } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { newId } from '../../lib/names.ts'
import type { ResolvedMount } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { ensureVolume } from '../volume/create.ts'
import { getVolume, mountpointOf } from '../volume/volumes.ts'
import type { VolumePlan } from '../volume/with-volumes.ts'
import { findContainer } from './find.ts'

const refuse = (reason: string, text: string, details: Record<string, string> = {}) =>
  new EngineError('invalidArgument', reason, text, { details })

/**
 * Every mount of a request: its own, those of the containers that it takes volumes from, and an anonymous volume for
 * each `VOLUME` of the image. What is named first by a rule of this order has its target.
 */
export async function resolveMounts(
  context: ServiceContext,
  request: {
    readonly config: CreateContainer
    readonly imageVolumes: readonly string[]
    /** Mounts that the container has already: an anonymous volume stays at its place. */
    readonly kept: readonly ResolvedMount[]
    readonly volumes: VolumePlan
  },
  onMade: (volume: string) => void,
): Promise<ResolvedMount[]> {
  const { config, imageVolumes } = request
  const own = config.mounts.map((mount) => ({ ...mount, target: path.posix.normalize(mount.target) }))
  assertTargets(own)
  const taken = new Set(own.map(targetOf))
  const inherited = config.volumesFrom.flatMap((text) => inheritedMounts(context, text))
  for (const { type, name } of inherited) if (type === 'volume') request.volumes.claim(name)
  const resolved: ResolvedMount[] = []
  for (const mount of inherited) {
    if (taken.has(targetOf(mount))) continue
    taken.add(targetOf(mount))
    resolved.push(mount)
  }
  const implied = imageVolumes
    .filter((target) => !taken.has(targetOf({ target })))
    .map((target) => MountSpec.parse({ type: 'volume', target }))
  for (const spec of [...own, ...implied]) {
    const isKept = (mount: ResolvedMount) => mount.isAnonymous && targetOf(mount) === targetOf(spec)
    const kept = spec.type === 'volume' && spec.source === '' ? request.kept.find(isKept) : undefined
    const mount = kept
      ? { ...kept, ...spec, driver: kept.driver }
      : await resolveMount(context, spec, { onMade, volumes: request.volumes })
    const before = request.kept.find(({ name, target }) => name === mount.name && target === mount.target)
    resolved.push({ ...mount, isPopulated: before?.isPopulated ?? false })
  }
  return resolved
}

/** The place of a mount, however it is written. */
export const targetOf = ({ target }: { readonly target: string }) => target.replace(/(.)\/+$/, '$1')

function assertTargets(mounts: readonly MountSpec[]): void {
  const seen = new Set<string>()
  for (const mount of mounts) {
    const target = targetOf(mount)
    if (target === '/')
      throw refuse(
        'mount.invalid-target',
        `invalid mount target "/": destination can't be '/'; a mount cannot cover the root`,
      )
    if (seen.has(target)) throw refuse('mount.duplicate', `Duplicate mount point: ${target}`)
    seen.add(target)
  }
}

/** The mounts of `CONTAINER[:MODE]`; its anonymous volumes stay its own. */
function inheritedMounts(context: ServiceContext, text: string): ResolvedMount[] {
  const [ref = '', mode = '', rest] = text.split(':')
  const flags = mode === '' ? [] : mode.split(',')
  if (ref === '' || rest !== undefined || flags.some((flag) => !/^(ro|rw|z|Z)$/.test(flag)))
    throw refuse('volumes-from.invalid', `invalid volumes-from: ${JSON.stringify(text)}`)
  return findContainer(context.containers, ref)
    .mounts.filter(({ type }) => type !== 'tmpfs')
    .map((mount) => ({ ...mount, isAnonymous: false, readOnly: mount.readOnly || flags.includes('ro') }))
}

/** A mount as it lies on the host, whatever it was given before. */
type Place = Omit<ResolvedMount, 'isPopulated'>

async function resolveMount(
  context: ServiceContext,
  spec: MountSpec,
  { onMade, volumes }: { readonly onMade: (volume: string) => void; readonly volumes: VolumePlan },
): Promise<Place> {
  switch (spec.type) {
    case 'tmpfs':
      return { ...spec, name: '', hostPath: '', isAnonymous: false }
    case 'bind':
      return resolveBind(context, spec)
    case 'volume': {
      const isAnonymous = spec.source === ''
      const name = isAnonymous ? (volumes.anonymous.get(targetOf(spec)) ?? newId()) : spec.source
      volumes.claim(name)
      const { labels, driver, driverOptions } = spec
      if (await ensureVolume(context, { name, isAnonymous, labels, driver, options: driverOptions })) onMade(name)
      const volume = getVolume(context, name)
      return {
        ...spec,
        name,
        hostPath: mountpointOf(context, volume),
        isAnonymous,
        driver: volume.driver,
      }
    }
  }
}

async function resolveBind(context: ServiceContext, spec: MountSpec): Promise<Place> {
  const { source } = spec
  if (!path.isAbsolute(source)) throw refuse('mount.not-absolute', `bind source "${source}" is not an absolute path`)
  if (spec.createSource)
    await mkdir(source, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
      // A file is bound as it is.
      if (error.code === 'EEXIST') return
      throw refuse(
        'mount.source-not-made',
        `error while creating mount source path '${source}': mkdir ${source}: ${error.code}`,
      )
    })
  if (!(await context.volume.exists(source)))
    throw refuse(
      'mount.source-missing',
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
      { path: source },
    )
  return { ...spec, name: '', hostPath: source, isAnonymous: false }
}
