import {
  type AppUpdater,
  CancellationToken,
  Provider,
  type ResolvedUpdateFileInfo,
  type UpdateInfo,
} from 'electron-updater'
import { type ProviderRuntimeOptions, parseUpdateInfo, resolveFiles } from 'electron-updater/out/providers/Provider.js'
import { isSigned } from './signature.ts'
import { whyFailed } from './update-failure.ts'

/** Some hundred bytes take no longer; Electron's requests have no limit of their own. */
const READ_TIMEOUT_MS = 20_000

interface FeedOptions {
  readonly url: string
  readonly publicKeyPem: string
}

/** A folder on a web server with `latest-linux.yml`, its signature `latest-linux.yml.sig`, and the packages it names. */
class SignedFeed extends Provider<UpdateInfo> {
  readonly #base: URL
  readonly #publicKeyPem: string
  constructor(options: FeedOptions, _updater: unknown, runtime: ProviderRuntimeOptions) {
    super(runtime)
    this.#base = new URL(options.url.endsWith('/') ? options.url : `${options.url}/`)
    this.#publicKeyPem = options.publicKeyPem
  }

  /** Nothing of the description is read before its signature is found good. */
  async getLatestVersion(): Promise<UpdateInfo> {
    const name = `${this.getDefaultChannelName()}.yml`
    const description = await this.#read(name)
    if (description === null)
      throw new Error(`there is no ${name} at ${this.#base.href}: see whether the address is right`)
    const signature = await this.#read(`${name}.sig`)
    if (signature === null) throw new Error(`the update is not signed: there is no ${name}.sig beside ${name}`)
    if (!isSigned(description, signature, this.#publicKeyPem))
      throw new Error(
        `the signature of the update is not good: ${name}.sig does not belong to ${name} and the key of this build`,
      )
    return parseUpdateInfo(description, name, new URL(name, this.#base))
  }

  /** A small file beside the packages; null where there is none. */
  async #read(name: string): Promise<string | null> {
    const token = new CancellationToken()
    const timer = setTimeout(() => token.cancel(), READ_TIMEOUT_MS)
    try {
      return (await this.httpRequest(new URL(name, this.#base), null, token)) ?? ''
    } catch (error) {
      if ((error as { readonly statusCode?: number }).statusCode === 404) return null
      const why = token.cancelled ? 'the server does not go on answering' : whyFailed(error)
      throw new Error(`${name} cannot be read from ${this.#base.href}: ${why}`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  resolveFiles(info: UpdateInfo): ResolvedUpdateFileInfo[] {
    return resolveFiles(info, this.#base)
  }
}

/** What electron-updater is told of where updates come from. */
export const createSignedFeed = (url: string, publicKeyPem: string) =>
  ({ provider: 'custom', updateProvider: SignedFeed, url, publicKeyPem }) as unknown as Parameters<
    AppUpdater['setFeedURL']
  >[0]
