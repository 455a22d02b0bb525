import { z } from 'zod'
import type { CreateContainer } from '../contract/container.ts'
import { EngineError } from '../contract/errors.ts'
import { type HealthcheckRequest, HealthcheckSpec } from '../contract/healthcheck.ts'
import { ImageHealthcheck, readHealthcheck } from '../lib/healthcheck.ts'

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const list = z.array(z.string()).nullish()
const ConfigFile = z.object({
  created: z.string().nullish(),
  architecture: z.string().nullish(),
  os: z.string().nullish(),
  config: z
    .object({
      Cmd: list,
      Entrypoint: list,
      Env: list,
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
      StopSignal: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Volumes: z.record(z.string(), z.unknown()).nullish(),
      Healthcheck: ImageHealthcheck.nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(z.string()) }).nullish(),
  history: z
    .array(
      z.object({
        created: z.string().nullish(),
        created_by: z.string().nullish(),
        comment: z.string().nullish(),
        empty_layer: z.boolean().nullish(),
      }),
    )
    .nullish(),
})

/** An image's config in our words. `null` for a command or entrypoint that it does not set. */
export interface ImageConfig {
  readonly createdAt: string
  readonly architecture: string
  readonly os: string
  readonly command: readonly string[] | null
  readonly entrypoint: readonly string[] | null
  readonly env: readonly string[]
  readonly workingDir: string
  readonly user: string
  readonly stopSignal: string
  readonly labels: Readonly<Record<string, string>>
  readonly exposedPorts: readonly string[]
  readonly volumes: readonly string[]
  readonly healthcheck: HealthcheckRequest | null
  readonly diffIds: readonly string[]
  readonly history: readonly {
    readonly createdAt: string
    readonly createdBy: string
    readonly comment: string
    readonly emptyLayer: boolean
  }[]
}

/** Reads an image's config file (OCI image spec, "Image Configuration"). */
export function parseImageConfig(text: string): ImageConfig {
  const parsed = ConfigFile.safeParse(parseJson(text))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new EngineError(
      'invalidArgument',
      'config.invalid',
      `the image's config is not valid at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`,
    )
  }
  const { config, ...file } = parsed.data
  return {
    createdAt: file.created ?? '',
    architecture: file.architecture ?? '',
    os: file.os ?? 'linux',
    command: config?.Cmd ?? null,
    entrypoint: config?.Entrypoint ?? null,
    env: config?.Env ?? [],
    workingDir: config?.WorkingDir ?? '',
    user: config?.User ?? '',
    stopSignal: config?.StopSignal ?? '',
    labels: config?.Labels ?? {},
    exposedPorts: Object.keys(config?.ExposedPorts ?? {}).map(withProtocol),
    volumes: Object.keys(config?.Volumes ?? {}),
    healthcheck: config?.Healthcheck?.Test?.length ? readHealthcheck(config.Healthcheck) : null,
    diffIds: file.rootfs?.diff_ids ?? [],
    history: (file.history ?? []).map((entry) => ({
      createdAt: entry.created ?? '',
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      emptyLayer: entry.empty_layer ?? false,
    })),
  }
}

const withProtocol = (port: string) => (port.includes('/') ? port : `${port}/tcp`)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new EngineError(
      'invalidArgument',
      'config.invalid',
      `the image's config is not JSON: ${(cause as Error).message}`,
      { cause },
    )
  }
}

/** What will run: the image's config with the request laid over it, by Docker's rules. */
export function resolveProcess(image: ImageConfig, request: CreateContainer) {
  // As dockerd: `['']` takes the image's entrypoint away, and any entrypoint given takes its command away too.
  const isOverridden = Boolean(request.entrypoint?.length)
  const entrypoint = (request.entrypoint ?? image.entrypoint ?? []).filter(
    (part, n, all) => part || n || all.length > 1,
  )
  const command = request.command?.length || isOverridden ? (request.command ?? []) : (image.command ?? [])
  const args = [...entrypoint, ...command]
  if (args.length === 0 || args[0] === '') {
    throw new EngineError(
      'invalidArgument',
      'container.no-command',
      'no command specified: the image has none of its own, so give one',
    )
  }
  const workingDir = request.workingDir || image.workingDir || '/'
  if (!workingDir.startsWith('/')) {
    throw new EngineError(
      'invalidArgument',
      'workdir.not-absolute',
      `the working directory '${workingDir}' is invalid, it needs to be an absolute path`,
    )
  }
  return {
    args,
    env: mergeEnv([DEFAULT_PATH, ...image.env], request.env),
    workingDir,
    user: request.user ?? image.user,
    stopSignal: request.stopSignal ?? (image.stopSignal || 'SIGTERM'),
    healthcheck: effectiveHealthcheck(image.healthcheck, request.healthcheck),
  }
}

/** The image's healthcheck with what was asked laid over it, field by field; `NONE` takes it away. */
function effectiveHealthcheck(
  image: HealthcheckRequest | null,
  request: HealthcheckRequest | null,
): HealthcheckSpec | null {
  const check = { ...image, ...request }
  return !check.test?.length || check.test[0] === 'NONE' ? null : HealthcheckSpec.parse(check)
}

/** Later entries win in place; one without `=` takes its name away. */
export function mergeEnv(base: readonly string[], over: readonly string[]): string[] {
  const entries = new Map<string, string>()
  for (const entry of [...base, ...over]) {
    const cut = entry.indexOf('=')
    if (cut < 0) entries.delete(entry)
    else entries.set(entry.slice(0, cut), entry)
  }
  return [...entries.values()]
}

/** dockerd's order: PATH, HOSTNAME, TERM on a terminal, then the rest; entries of `env` win in place. */
export function addContainerEnv(
  env: readonly string[],
  facts: { readonly hostname: string; readonly tty: boolean },
): string[] {
  const path = env.filter((entry) => entry.startsWith('PATH='))
  return mergeEnv([...path, `HOSTNAME=${facts.hostname}`, ...(facts.tty ? ['TERM=xterm'] : [])], env)
}
