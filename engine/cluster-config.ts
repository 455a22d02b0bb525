import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import os from 'node:os'
import { z } from 'zod'
import { EngineError } from './contract/errors.ts'

/** How this engine takes part in a cluster. No store: it is alone, and needs none. */
export interface ClusterConfig {
  /** Where etcd answers: `http://10.0.0.1:2379`, all with or all without TLS. */
  readonly store: readonly string[]
  /** The address of this machine that the others' VXLAN packets go to; `''`: the one by which the store is reached. */
  readonly advertise: string
  /** What the others call this machine. */
  readonly hostName: string
  /** A host that is not heard of for so long is gone, with its endpoints. */
  readonly leaseSeconds: number
}

/** From the command line. The environment and the file come after it. */
export interface ClusterOptions {
  readonly store?: string | undefined
  readonly advertise?: string | undefined
}

const LEASE_SECONDS = 10
const File = z.object({
  store: z.union([z.string(), z.array(z.string())]).default([]),
  advertise: z.string().default(''),
})

/**
 * The cluster's settings: `--cluster-store` and `--cluster-advertise`, else `SLIPWAY_CLUSTER_STORE` and
 * `SLIPWAY_CLUSTER_ADVERTISE`, else `cluster.json` in the data root (`{"store":["http://…"],"advertise":"…"}`).
 * What is no URL or no address is `cluster.invalid`.
 */
export function loadClusterConfig(from: {
  readonly file: string
  readonly env: NodeJS.ProcessEnv
  readonly options: ClusterOptions
}): ClusterConfig {
  const kept = readSettings(from.file)
  const text = from.options.store ?? from.env['SLIPWAY_CLUSTER_STORE'] ?? kept.store
  const store = [text]
    .flat()
    .flatMap((part) => part.split(','))
    .flatMap((part) => part.trim() || [])
    .map(checkUrl)
  if (new Set(store.map((url) => new URL(url).protocol)).size > 1)
    throw invalid(`the cluster store's addresses are partly https and partly http: ${store.join(', ')}`)
  const advertise = from.options.advertise ?? from.env['SLIPWAY_CLUSTER_ADVERTISE'] ?? kept.advertise
  if (advertise !== '' && isIP(advertise) === 0)
    throw invalid(`the cluster's advertise address ${JSON.stringify(advertise)} is no IP address`)
  const seconds = Number(from.env['SLIPWAY_CLUSTER_LEASE_SECONDS'] ?? LEASE_SECONDS)
  return Object.freeze({
    store,
    advertise,
    hostName: os.hostname(),
    leaseSeconds: Number.isInteger(seconds) && seconds >= 2 ? seconds : LEASE_SECONDS,
  })
}

function readSettings(file: string): { store: string | string[]; advertise: string } {
  const text = readText(file)
  try {
    return File.parse(JSON.parse(text))
  } catch (cause) {
    throw new EngineError(
      'invalidArgument',
      'cluster.invalid',
      `${file} is not as it should be: {"store":["http://ADDRESS:2379"],"advertise":"ADDRESS"}`,
      { cause },
    )
  }
}

/** Nothing is set where there is no file; one that cannot be read may say something, and is refused. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return '{}'
    throw new EngineError('invalidArgument', 'cluster.invalid', `${file} cannot be read (${code})`, { cause })
  }
}

/** The URL without its path, which gRPC has no use for. The port must be there: etcd's is not the web's. */
function checkUrl(text: string): string {
  const [, url = ''] = /^(https?:\/\/[^/@?#\s]+:\d{1,5})\/?$/.exec(text) ?? []
  if (url && URL.canParse(url)) return url
  throw invalid(`the cluster store ${JSON.stringify(text)} is no address of etcd such as http://10.0.0.1:2379`)
}

const invalid = (message: string) => new EngineError('invalidArgument', 'cluster.invalid', message)
