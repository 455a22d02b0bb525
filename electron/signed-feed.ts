import { type AppUpdater, Provider, type ResolvedUpdateFileInfo, type UpdateInfo } from 'electron-updater'
import { type ProviderRuntimeOptions, parseUpdateInfo, resolveFiles } from 'electron-updater/out/providers/Provider.js'
import { isSigned } from './signature.ts'

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
    const address = new URL(name, this.#base)
    const description = (await this.httpRequest(address)) ?? ''
    const signature = await this.httpRequest(new URL(`${name}.sig`, this.#base)).catch(() => null)
    if (signature === null) throw new Error(`the update is not signed: there is no ${name}.sig beside ${name}`)
    if (!isSigned(description, signature, this.#publicKeyPem))
      throw new Error(
        `the signature of the update is not good: ${name}.sig does not belong to ${name} and the key of this build`,
      )
    return parseUpdateInfo(description, name, address)
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
