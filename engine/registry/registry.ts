import type { RegistryLogin, SearchResult } from '../contract/registry.ts'
import { digestOf } from '../lib/digest.ts'
import type { Reference } from '../lib/reference.ts'
import { type Credentials, createLogins, type Logins } from './credentials.ts'
import { type BlobDownload, downloadBlob } from './download.ts'
import {
  type DescribedImage,
  describeImage,
  type ResolvedImage,
  resolveImage,
  type WantedPlatform,
} from './manifests.ts'
import { searchCatalog, searchHub } from './search.ts'
import { createSession, registryError, type Session } from './session.ts'
import { createSettingsFile, type SettingsFile } from './settings.ts'
import { listTags } from './tags.ts'
import { createTransport, readText } from './transport.ts'
import { type BlobUpload, type UploadOutcome, uploadBlob } from './upload.ts'

const HUB = 'docker.io'

export interface RegistryOptions {
  /** Folder of docker's `config.json`. */
  readonly configFolder: string
  /** Keeps mirrors and insecure registries. */
  readonly settingsFile: string
  /** More registries that may be spoken to without encryption, as `host[:port]`. */
  readonly insecure: readonly string[]
  /** First pause before a retry; each next is twice as long. */
  readonly firstWaitMs?: number
}

/** One repository of one registry, for one pull or push. */
export interface Repository {
  resolve(target: string, platform: WantedPlatform, signal: AbortSignal): Promise<ResolvedImage>
  describe(target: string, signal: AbortSignal): Promise<DescribedImage>
  tags(signal: AbortSignal): Promise<string[]>
  download(blob: Omit<BlobDownload, 'path' | 'firstWaitMs'>): Promise<void>
  upload(blob: Omit<BlobUpload, 'path' | 'firstWaitMs'>): Promise<UploadOutcome>
  /** Stores a manifest under a tag; answers its digest. */
  putManifest(manifest: ManifestToPut): Promise<string>
}
interface ManifestToPut {
  readonly tag: string
  readonly bytes: Buffer
  readonly mediaType: string
  readonly signal: AbortSignal
}

export interface Registry {
  readonly logins: Logins
  readonly settings: SettingsFile
  /** A repository to read from: its mirrors first, as far as they have it. */
  openSources(reference: Pick<Reference, 'host' | 'path'>, credentials?: Credentials): Promise<Repository[]>
  open(reference: Pick<Reference, 'host' | 'path'>, options: OpenOptions): Promise<Repository>
  /** Logs in with these credentials, or with what is kept; throws `unauthorized` when they are not taken. */
  checkLogin(host: string, credentials: Credentials | undefined, signal: AbortSignal): Promise<void>
  search(host: string, options: { term: string; limit: number; signal: AbortSignal }): Promise<SearchResult[]>
  close(): Promise<void>
}
export interface OpenOptions {
  readonly access: 'pull' | 'pull,push'
  /** Absent: those that are kept. */
  readonly credentials?: Credentials | undefined
  /** More repositories of the same registry that are read, for mounts. */
  readonly alsoRead?: readonly string[]
}
export type { Credentials, RegistryLogin }

/** Everything the engine asks of registries. */
export function createRegistry(options: RegistryOptions): Registry {
  const waits = options.firstWaitMs === undefined ? {} : { firstWaitMs: options.firstWaitMs }
  const transport = createTransport(waits)
  const logins = createLogins(options.configFolder)
  const settings = createSettingsFile(options.settingsFile)

  const startSession = async (host: string, scopes: readonly string[], credentials?: Credentials) => {
    const insecure = [...options.insecure, ...(await settings.read()).insecure]
    return createSession({ transport, host, insecure, credentials: findWith(logins, host, credentials), scopes })
  }
  const open: Registry['open'] = async ({ host, path }, { access, credentials, alsoRead = [] }) => {
    const scopes = [`repository:${path}:${access}`, ...alsoRead.map((other) => `repository:${other}:pull`)]
    return repositoryOf(await startSession(host, scopes, credentials), path, waits)
  }
  return {
    logins,
    settings,
    open,
    async openSources(reference, credentials) {
      const mirrors = (await settings.read()).mirrors.filter(({ host }) => host === reference.host)
      const scopes = [`repository:${reference.path}:pull`]
      const nearer = mirrors.map(({ url }) => {
        const endpoint = new URL(url)
        // A mirror is another host: it gets its own credentials or none.
        const credentialsOf = findWith(logins, endpoint.host)
        const session = createSession({
          transport,
          host: endpoint.host,
          endpoint,
          insecure: [],
          credentials: credentialsOf,
          scopes,
        })
        return repositoryOf(session, reference.path, waits)
      })
      return [...nearer, await open(reference, { access: 'pull', credentials })]
    },
    async checkLogin(host, credentials, signal) {
      const session = await startSession(host, [], credentials)
      const response = await session.request('', { method: 'GET', signal })
      const text = await readText(response)
      if (response.statusCode !== 200) throw registryError(host, response.statusCode, text)
    },
    search: async (host, wanted) =>
      host === HUB ? searchHub(transport, wanted) : searchHost(startSession, host, wanted),
    close: () => transport.close(),
  }
}

const findWith = (logins: Logins, host: string, given?: Credentials) => async () => given ?? logins.find(host)

async function searchHost(
  startSession: (host: string, scopes: readonly string[]) => Promise<Session>,
  host: string,
  wanted: { term: string; limit: number; signal: AbortSignal },
): Promise<SearchResult[]> {
  return searchCatalog(await startSession(host, ['registry:catalog:*']), wanted)
}

function repositoryOf(session: Session, path: string, waits: { readonly firstWaitMs?: number }): Repository {
  return {
    resolve: (target, platform, signal) => resolveImage(session, { path, target, platform, signal }),
    describe: (target, signal) => describeImage(session, { path, target, signal }),
    tags: (signal) => listTags(session, path, signal),
    download: (blob) => downloadBlob(session, { ...blob, path, ...waits }),
    upload: (blob) => uploadBlob(session, { ...blob, path, ...waits }),
    putManifest: (manifest) => putManifest(session, path, manifest),
  }
}

async function putManifest(
  session: Session,
  path: string,
  { tag, bytes, mediaType, signal }: ManifestToPut,
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
