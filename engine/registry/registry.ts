import type { RemoteDescription, SearchResult } from '../contract/registry.ts'
import { digestOf } from '../lib/digest.ts'
import type { Platform } from '../lib/platform.ts'
import type { Reference } from '../lib/reference.ts'
import { type CredentialSource, type Credentials, findCredentials } from './credentials.ts'
import { type BlobDownload, downloadBlob } from './download.ts'
import { describeManifest, type ResolvedImage, resolveImage } from './manifests.ts'
import { searchIndex } from './search.ts'
import { createSession, registryError, type Session } from './session.ts'
import { listTags } from './tags.ts'
import { createTransport, readText } from './transport.ts'
import { type BlobUpload, type UploadOutcome, uploadBlob } from './upload.ts'

export interface RegistryOptions extends CredentialSource {
  /** Registries that may be spoken to without encryption, as `host[:port]`. */
  readonly insecure: readonly string[]
  /** First pause before a retry; each next is twice as long. */
  readonly firstWaitMs?: number
}

/** One repository of one registry, for one pull or push. */
export interface Repository {
  resolve(target: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage>
  describe(target: string, signal: AbortSignal): Promise<RemoteDescription>
  tags(signal: AbortSignal): Promise<string[]>
  download(blob: Omit<BlobDownload, 'path' | 'firstWaitMs'>): Promise<void>
  upload(blob: Omit<BlobUpload, 'path' | 'firstWaitMs'>): Promise<UploadOutcome>
  /** Stores a manifest under a tag; answers its digest. */
  putManifest(manifest: {
    readonly tag: string
    readonly bytes: Buffer
    readonly mediaType: string
    readonly signal: AbortSignal
  }): Promise<string>
}

export interface Registry {
  open(reference: Pick<Reference, 'host' | 'path'>, options: OpenOptions): Repository
  /** Whether a registry takes these credentials; throws `unauthorized` when not. */
  checkLogin(host: string, credentials: Credentials, signal: AbortSignal): Promise<void>
  search(query: {
    readonly term: string
    readonly limit: number
    readonly signal: AbortSignal
  }): Promise<SearchResult[]>
  close(): Promise<void>
}
export interface OpenOptions {
  readonly access: 'pull' | 'pull,push'
  /** Absent: those of docker's `config.json`. */
  readonly credentials?: Credentials | undefined
  /** More repositories of the same registry that are read, for mounts. */
  readonly alsoRead?: readonly string[]
}

/** Everything the engine asks of registries. */
export function createRegistry(options: RegistryOptions): Registry {
  const { insecure, firstWaitMs } = options
  const waits = firstWaitMs === undefined ? {} : { firstWaitMs }
  const transport = createTransport(waits)
  return {
    open({ host, path }, { access, credentials, alsoRead = [] }) {
      const session = createSession({
        transport,
        host,
        insecure,
        credentials: async () => credentials ?? findCredentials(host, options),
        scopes: [`repository:${path}:${access}`, ...alsoRead.map((other) => `repository:${other}:pull`)],
      })
      return {
        resolve: (target, platform, signal) => resolveImage(session, { path, target, platform, signal }),
        describe: (target, signal) => describeManifest(session, { path, target, signal }),
        tags: (signal) => listTags(session, path, signal),
        download: (blob) => downloadBlob(session, { ...blob, path, ...waits }),
        upload: (blob) => uploadBlob(session, { ...blob, path, ...waits }),
        putManifest: (manifest) => putManifest(session, path, manifest),
      }
    },
    async checkLogin(host, credentials, signal) {
      const session = createSession({ transport, host, insecure, credentials: async () => credentials, scopes: [] })
      const response = await session.request('', { method: 'GET', signal })
      const text = await readText(response)
      if (response.statusCode !== 200) throw registryError(host, response.statusCode, text)
    },
    search: (query) => searchIndex(transport, { ...query, insecure }),
    close: () => transport.close(),
  }
}

async function putManifest(
  session: Session,
  path: string,
  { tag, bytes, mediaType, signal }: Parameters<Repository['putManifest']>[0],
): Promise<string> {
  const response = await session.request(`${path}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: bytes,
    signal,
  })
  const text = await readText(response)
  if (response.statusCode !== 201) throw registryError(session.host, response.statusCode, text)
  return digestOf(bytes)
}
