import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { RemoteDescription } from '../contract/registry.ts'
import { assertDigest, digestOf, isDigest } from '../lib/digest.ts'
import {
  type Descriptor,
  invalidImage,
  type Manifest,
  MEDIA_TYPES,
  parseDocument,
  parseManifestOrIndex,
} from '../lib/oci.ts'
import { choosePlatform, formatPlatform, isAttestation, type Platform } from '../lib/platform.ts'
import { readBounded } from './documents.ts'
import { registryError, type Session } from './session.ts'
import { type RegistryResponse, readText } from './transport.ts'

const MAX_DEPTH = 4
const TOO_LARGE = 'manifest.too-large'
const ConfigPlatform = z.object({ os: z.string(), architecture: z.string(), variant: z.string().nullish() })
const ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.dockerManifest,
].join(', ')

/** An image as a registry describes it for one platform; every byte read is verified. */
export interface ResolvedImage {
  /** What the name stood for: the index, or the manifest itself. */
  readonly topDigest: string
  readonly manifest: Manifest
  readonly manifestDigest: string
  readonly manifestBytes: Buffer
  readonly manifestType: string
  readonly config: Buffer
}

/** Finds the image that a tag or digest names for a platform. */
export async function resolveImage(
  session: Session,
  wanted: {
    readonly path: string
    readonly target: string
    readonly platform: WantedPlatform
    readonly signal: AbortSignal
  },
): Promise<ResolvedImage> {
  const { path, signal } = wanted
  let target = wanted.target
  let topDigest = ''
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    const { bytes, digest, mediaType } = await fetchManifest(session, { path, target, signal })
    topDigest ||= digest
    const read = parseManifestOrIndex(bytes, `manifest ${path}:${target}`)
    if ('manifest' in read) {
      for (const { digest: named } of [read.manifest.config, ...read.manifest.layers])
        assertDigest(named, `the manifest ${target}`)
      const config = await fetchDocument(session, { path, descriptor: read.manifest.config, signal })
      if (wanted.platform.isDemanded) assertPlatform(readPlatform(config), wanted)
      return {
        topDigest,
        manifest: read.manifest,
        manifestDigest: digest,
        manifestBytes: bytes,
        manifestType: mediaType,
        config,
      }
    }
    target = chooseChild(read.index.manifests, wanted)
  }
  throw invalidImage('manifest.too-deep', `the indexes of ${path} are nested too deeply`)
}

/** A platform to be chosen from an index; one that a person has named must be that of a single image too. */
export interface WantedPlatform extends Platform {
  readonly isDemanded: boolean
}

function assertPlatform(
  actual: Platform,
  { path, target, platform }: { path: string; target: string; platform: Platform },
): void {
  if (choosePlatform([{ platform: actual }], platform)) return
  throw new EngineError(
    'notFound',
    'image.no-platform',
    `image with reference ${path}:${target} was found but does not match the specified platform: wanted ${formatPlatform(platform)}, actual: ${formatPlatform(actual)}`,
  )
}

function chooseChild(
  manifests: readonly Descriptor[],
  { path, target, platform }: { path: string; target: string; platform: Platform },
): string {
  const chosen = choosePlatform(manifests, platform)
  if (chosen) return assertDigest(chosen.digest, `the index ${target}`)
  const others = manifests.filter((entry) => !isAttestation(entry)).flatMap((entry) => entry.platform ?? [])
  throw new EngineError(
    'notFound',
    'image.no-platform',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries of ${path}: it has ${others.map(formatPlatform).join(', ') || 'none'}`,
  )
}

/** What a name stands for, and the platforms that it can be had for; the config tells that of a lone manifest. */
export async function describeManifest(
  session: Session,
  { path, target, signal }: { readonly path: string; readonly target: string; readonly signal: AbortSignal },
): Promise<RemoteDescription> {
  const { bytes, digest, mediaType } = await fetchManifest(session, { path, target, signal })
  const read = parseManifestOrIndex(bytes, `manifest ${path}:${target}`)
  const found =
    'index' in read
      ? read.index.manifests.filter((entry) => !isAttestation(entry)).flatMap((entry) => entry.platform ?? [])
      : [await fetchDocument(session, { path, descriptor: read.manifest.config, signal }).then(readPlatform)]
  const platforms = found.map(({ os, architecture, variant }) => ({ os, architecture, variant: variant ?? '' }))
  return { digest, mediaType, sizeBytes: bytes.length, platforms }
}

const readPlatform = (config: Buffer): Platform => parseDocument(ConfigPlatform, config, 'the config')

/** A manifest or index, verified by the digest that was asked for or that the registry claims. */
export async function fetchManifest(
  session: Session,
  { path, target, signal }: { readonly path: string; readonly target: string; readonly signal: AbortSignal },
): Promise<{ readonly bytes: Buffer; readonly digest: string; readonly mediaType: string }> {
  const response = await session.request(`${path}/manifests/${target}`, {
    method: 'GET',
    headers: { accept: ACCEPT },
    signal,
  })
  if (response.statusCode !== 200) throw await manifestError(session, response, `${path}:${target}`)
  const bytes = await readBounded(response, { what: `the manifest ${path}:${target}`, reason: TOO_LARGE })
  const digest = digestOf(bytes)
  const claimed = String(response.headers['docker-content-digest'] ?? '')
  const expected = isDigest(target) ? target : claimed.startsWith('sha256:') ? claimed : digest
  if (digest !== expected) {
    throw new EngineError(
      'invalidArgument',
      'manifest.digest-mismatch',
      `${session.host} gave a manifest of digest ${digest} for ${path}:${target}, expected ${expected}`,
      { details: { expected, actual: digest } },
    )
  }
  return { bytes, digest, mediaType: String(response.headers['content-type'] ?? '') }
}

async function manifestError(session: Session, response: RegistryResponse, name: string): Promise<EngineError> {
  const error = registryError(session.host, response.statusCode, await readText(response))
  if (error.code !== 'notFound') return error
  return new EngineError('notFound', 'image.not-in-registry', `manifest for ${session.host}/${name} not found`, {
    details: { host: session.host, name },
  })
}

/** A config: a small blob, read whole. */
async function fetchDocument(
  session: Session,
  { path, descriptor, signal }: { path: string; descriptor: Descriptor; signal: AbortSignal },
): Promise<Buffer> {
  const { digest, size } = descriptor
  const response = await session.request(`${path}/blobs/${digest}`, { method: 'GET', signal })
  if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, await readText(response))
  const bytes = await readBounded(response, { what: `the config ${digest}`, reason: TOO_LARGE })
  const actual = digestOf(bytes)
  if (actual !== digest || bytes.length !== size) {
    throw new EngineError(
      'invalidArgument',
      'config.digest-mismatch',
      `${session.host} gave ${bytes.length} bytes of digest ${actual} for the config ${digest} of ${size} bytes`,
      { details: { expected: digest, actual } },
    )
  }
  return bytes
}
