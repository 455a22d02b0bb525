import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import { writeFileAtomic } from '../../store/atomic-file.ts'

/*
 * docker's own folder (DOCKER_CONFIG, ~/.docker):
 *
 *   config.json                                   currentContext: only read here
 *   contexts/meta/<sha256 of the name>/meta.json   Name, Metadata, Endpoints.docker.Host
 */

/** A docker context and where it leads. */
export interface ContextPlace {
  readonly folder: string
  readonly name: string
  readonly host: string
}

const metaFile = ({ folder, name }: ContextPlace) =>
  path.join(folder, 'contexts/meta', createHash('sha256').update(name).digest('hex'), 'meta.json')

const readJson = async (file: string): Promise<Record<string, unknown>> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** Whether the context is there, leads here, and is the current one. */
export async function readContext(
  place: ContextPlace,
): Promise<{ readonly state: 'none' | 'ours' | 'other'; readonly isCurrent: boolean }> {
  const meta = await readJson(metaFile(place))
  const current = (await readJson(path.join(place.folder, 'config.json')))['currentContext']
  const endpoints = meta['Endpoints'] as { readonly docker?: { readonly Host?: string } } | undefined
  const state = meta['Name'] === undefined ? 'none' : endpoints?.docker?.Host === place.host ? 'ours' : 'other'
  return { state, isCurrent: current === place.name }
}

/** Makes the context as `docker context create` does. One of that name that leads elsewhere stays as it is. */
export async function writeContext(place: ContextPlace): Promise<void> {
  const { state } = await readContext(place)
  if (state === 'ours') return
  if (state === 'other')
    throw new EngineError(
      'conflict',
      'docker.context-taken',
      `a docker context named "${place.name}" leads elsewhere; remove it with: docker context rm ${place.name}`,
      { details: { name: place.name } },
    )
  const file = metaFile(place)
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const meta = {
    Name: place.name,
    Metadata: { Description: 'Slipway' },
    Endpoints: { docker: { Host: place.host, SkipTLSVerify: false } },
  }
  await writeFileAtomic(file, JSON.stringify(meta))
}
