import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { buildConfig, buildDockerArchive, buildTar, type Entry } from '../fixtures/archives.ts'

/** Whether the stock `docker` command is here. */
export const hasDocker = spawnSync('docker', ['--version']).status === 0

/** How a command ended and what it printed. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The stock `docker` command against a socket. It never throws: the outcome tells. */
export const dockerOn =
  (socket: string) =>
  (args: readonly string[], input: string | Buffer = ''): Promise<Outcome> =>
    new Promise((resolve) => {
      const child = execFile(
        'docker',
        ['--host', `unix://${socket}`, ...args],
        { timeout: 60_000, maxBuffer: 256 * 1024 * 1024 },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      )
      // A command that ends early reads no more.
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
    })

/** An archive of this machine's busybox with some of its applets, as `docker save` writes it. */
export async function busyboxArchive(
  tags: readonly string[],
  options: {
    readonly applets?: readonly string[]
    readonly config?: object
    readonly files?: Readonly<Record<string, string>>
    /** Further layers, each a file of so many bytes. */
    readonly layers?: readonly number[]
  } = {},
): Promise<Buffer> {
  const files = Object.entries(options.files ?? {}).map(([name, text]) => ({ name, content: Buffer.from(text) }))
  const more = (options.layers ?? []).map((bytes, index) =>
    buildTar([{ name: `tmp/layer-${index + 1}`, content: randomBytes(bytes) }]),
  )
  const layers = [await busyboxLayer(files, options.applets), ...(await Promise.all(more))]
  return buildDockerArchive(layers, {
    tags,
    ...(options.config ? { config: buildConfig(layers, { config: options.config }) } : {}),
  })
}

/** A layer of this machine's busybox with some of its applets, and what lies beside it. */
export const busyboxLayer = (
  more: readonly Entry[] = [],
  applets: readonly string[] = ['sh', 'cat', 'echo', 'sleep', 'true', 'grep'],
): Promise<Buffer> =>
  buildTar([
    { name: 'bin/', type: 'directory', mode: 0o755 },
    { name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
    ...applets.map((applet) => ({ name: `bin/${applet}`, type: 'symlink' as const, linkname: 'busybox' })),
    { name: 'tmp/', type: 'directory', mode: 0o1777 },
    ...more,
  ])
