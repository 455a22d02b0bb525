/** What an image is built for, as indexes and configs name it. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | null | undefined
}

interface Described {
  readonly platform?: Platform | null | undefined
  readonly annotations?: Readonly<Record<string, string>> | null | undefined
}

const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7' }

/** `linux/arm64/v8` as a platform. The operating system may be left out. */
export function parsePlatform(text: string, fallback: Platform): Platform {
  const [first = '', second = '', variant] = text.toLowerCase().split('/')
  if (first === '') return fallback
  if (second === '') return { ...fallback, architecture: first }
  return { os: first, architecture: second, ...(variant ? { variant } : {}) }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

/** Build records that stand beside images in an index (`buildx`) are no images. */
export function isAttestation({ annotations, platform }: Described): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' || platform?.os === 'unknown'
}

/** The entry of an index for a platform: the same variant, then a lower one, then one that names no platform. */
export function choosePlatform<T extends Described>(entries: readonly T[], wanted: Platform): T | undefined {
  const images = entries.filter((entry) => !isAttestation(entry))
  const matching = images.filter(
    ({ platform }) => platform?.os === wanted.os && platform.architecture === wanted.architecture,
  )
  const variantOf = (platform: Platform | null | undefined) =>
    platform?.variant || DEFAULT_VARIANTS[wanted.architecture] || ''
  const most = variantOf(wanted)
  const fitting = matching
    .filter(({ platform }) => variantOf(platform) <= most)
    .sort((a, b) => variantOf(b.platform).localeCompare(variantOf(a.platform)))
  return fitting[0] ?? images.find(({ platform }) => !platform)
}
