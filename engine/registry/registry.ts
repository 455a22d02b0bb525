import { EngineError } from '../contract/errors.ts'
import { RegistrySettings, type RemoteDescription, type SearchResult } from '../contract/registry.ts'
import type { CertificatePlaces } from '../lib/certificate-places.ts'
import { digestOf } from '../lib/digest.ts'
import type { Reference } from '../lib/reference.ts'
import { createSettingsFile, type SettingsFile } from '../store/settings-file.ts'
import { createSystemAuthorities, readHostCertificates } from './certificates.ts'
import { type CredentialSource, type Credentials, createLogins, HUB, type Logins } from './credentials.ts'
import { describeManifest } from './manifests.ts'
import { type OpenedUrl, openUrl } from './open-url.ts'
import { searchCatalog, searchIndex, splitTerm } from './search.ts'
import { createSession, registryError, type Session } from './session.ts'
import { createSource, mirrorFailure, type Pace, type Source } from './source.ts'
import { listTags } from './tags.ts'
import { createTransport, readText } from './transport.ts'
import { type BlobUpload, type UploadOutcome, uploadBlob } from './upload.ts'

const HUB_INDEX = new URL('https://index.docker.io')
/** A mirror that fails is soon left for the next one. */
const MIRROR_ATTEMPTS = 2

export interface RegistryOptions extends CredentialSource {
  /** Keeps mirrors and insecure registries. */
  readonly settingsFile: string
  /** More registries that may be spoken to without encryption, as `host[:port]`. */
  readonly insecure: readonly string[]
  /** Whom to believe, and how we prove who we are. */
  readonly certificates: CertificatePlaces
  /** First pause before a retry; each next is twice as long. */
  readonly firstWaitMs?: number
  /** A registry that says nothing for so long is taken for gone, and asked again. */
  readonly stallMs?: number
  /** Size of the ranges that large blobs are fetched in. */
  readonly partBytes?: number
}

/** One repository of one registry, for one pull or push. */
export interface Repository extends Source {
  describe(target: string, signal: AbortSignal): Promise<RemoteDescription>
  tags(signal: AbortSignal): Promise<string[]>
  upload(blob: Omit<BlobUpload, 'path' | keyof Pace>): Promise<UploadOutcome>
  /** Stores a manifest under a tag; answers its digest. */
  putManifest(manifest: {
    readonly tag: string
    readonly bytes: Buffer
    readonly mediaType: string
    readonly signal: AbortSignal
  }): Promise<string>
}

export interface Registry {
  readonly logins: Logins
  readonly settings: SettingsFile<RegistrySettings>
  open(reference: Pick<Reference, 'host' | 'path'>, options: OpenOptions): Promise<Repository>
  /** Where a repository is read: its mirrors first, itself last. */
  openSource(reference: Pick<Reference, 'host' | 'path'>, credentials?: Credentials): Promise<Source>
  /** Whether a registry takes these credentials, or those that are kept; throws `unauthorized` when not. */
  checkLogin(host: string, credentials: Credentials | undefined, signal: AbortSignal): Promise<void>
  search(query: {
    readonly term: string
    readonly limit: number
    readonly credentials?: Credentials | undefined
    readonly signal: AbortSignal
  }): Promise<SearchResult[]>
  /** A file of any web server, by the proxies and limits that registries are asked with. */
  openUrl(url: string, signal: AbortSignal): Promise<OpenedUrl>
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
  const { firstWaitMs, partBytes } = options
  const waits = firstWaitMs === undefined ? {} : { firstWaitMs }
  const pace: Pace = { ...waits, ...(partBytes === undefined ? {} : { partBytes }) }
  const transport = createTransport({
    ...waits,
    ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
    readSystemAuthorities: createSystemAuthorities(options.certificates),
  })
  const logins = createLogins(options)
  const settings = createSettingsFile(options.settingsFile, RegistrySettings)
  const readInsecure = async () => [...options.insecure, ...(await settings.read()).insecure]
  const credentialsOf = (host: string, given?: Credentials) => async () =>
    given ? { credentials: given, helperFailure: '' } : logins.find(host)
  const startSession = async (host: string, scopes: readonly string[], given?: Credentials) =>
    createSession({
      transport,
      host,
      insecure: await readInsecure(),
      certificates: await readHostCertificates(host, options.certificates),
      credentials: credentialsOf(host, given),
      scopes,
    })

  /** The Hub's index answers at another place than its images do. */
  const openIndex = async (given?: Credentials) =>
    createSession({
      transport,
      host: HUB,
      endpoint: HUB_INDEX,
      insecure: [],
      certificates: await readHostCertificates(HUB, options.certificates),
      credentials: credentialsOf(HUB, given),
      scopes: [],
    })

  // A mirror is another host: it gets its own credentials or none.
  const openMirror = async (url: string, scope: string) => {
    const endpoint = new URL(url)
    const { host } = endpoint
    return createSession({
      transport,
      host,
      endpoint,
      attempts: MIRROR_ATTEMPTS,
      insecure: await readInsecure(),
      certificates: await readHostCertificates(host, options.certificates),
      credentials: credentialsOf(host),
      scopes: [scope],
    })
  }
  return {
    logins,
    settings,
    async open({ host, path }, { access, credentials, alsoRead = [] }) {
      const scopes = [`repository:${path}:${access}`, ...alsoRead.map((other) => `repository:${other}:pull`)]
      return repositoryOf(await startSession(host, scopes, credentials), path, pace)
    },
    async openSource({ host, path }, credentials) {
      const mirrors = (await settings.read()).mirrors.filter((mirror) => mirror.host === host)
      const scope = `repository:${path}:pull`
      const sessions: Session[] = []
      let earlier = ''
      // One whose certificates cannot be used, say, is left for the others as one that fails later is.
      for (const { url } of mirrors)
        await openMirror(url, scope).then(
          (session) => sessions.push(session),
          (error: unknown) => {
            earlier ||= mirrorFailure(url, EngineError.from(error))
          },
        )
      return createSource([...sessions, await startSession(host, [scope], credentials)], { path, pace, earlier })
    },
    async checkLogin(host, credentials, signal) {
      const session = await startSession(host, [], credentials)
      const response = await session.request('', { method: 'GET', signal })
      const text = await readText(response)
      if (response.statusCode !== 200) throw registryError(host, response.statusCode, text)
    },
    async search({ credentials, ...query }) {
      const { host, rest } = splitTerm(query.term)
      const wanted = { ...query, term: rest }
      if (host === HUB) return searchIndex(await openIndex(credentials), wanted)
      const session = await startSession(host, ['registry:catalog:*'], credentials)
      try {
        return await searchIndex(session, wanted)
      } catch {
        query.signal.throwIfAborted()
        // Few registries have an index to search, and they say so in many ways; most have a catalog.
        return searchCatalog(session, wanted)
      }
    },
    openUrl: (url, signal) => openUrl(transport, url, signal),
    close: () => transport.close(),
  }
}

function repositoryOf(session: Session, path: string, pace: Pace): Repository {
  return {
    ...createSource([session], { path, pace }),
    describe: (target, signal) => describeManifest(session, { path, target, signal }),
    tags: (signal) => listTags(session, path, signal),
    upload: (blob) => uploadBlob(session, { ...blob, path, ...pace }),
    putManifest: (manifest) => putManifest(session, path, manifest),
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
