const HUB = 'docker.io'

/** A mirror of a registry, as the engine keeps it. */
interface Mirror {
  readonly host: string
  readonly url: string
}

/** Addresses of the mirrors of Docker Hub, in the order in which they are asked. */
export const hubMirrors = (mirrors: readonly Mirror[]): readonly string[] =>
  mirrors.filter(({ host }) => host === HUB).map(({ url }) => url)

/** The Hub's mirrors replaced; those of other registries stay as they are. */
export const withHubMirrors = (mirrors: readonly Mirror[], urls: readonly string[]): Mirror[] => [
  ...mirrors.filter(({ host }) => host !== HUB),
  ...urls.map((url) => ({ host: HUB, url })),
]
