import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { buildDockerArchive, buildTar } from '../fixtures/archives.ts'
import { startEngine, type TestEngine } from './engine.ts'

/** What a command left. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** An engine that serves Docker's API, the stock command in front of it, and an image `test/box:1`. */
export interface DockerTest {
  readonly engine: TestEngine
  readonly mode: 'rootful' | 'rootless'
  /** Runs the command to its end, whatever that is. */
  docker(args: readonly string[], input?: string | Buffer): Promise<Outcome>
  /** Runs it and demands that it works; answers with what it prints. */
  ok(...args: string[]): Promise<string>
  /** A bare request. */
  ask(method: string, target: string, body?: string, headers?: Record<string, string>): Promise<Answer>
}
/** An answer; `json` is its body where that is JSON. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

/** Whether there is a docker command; says so once where there is none. */
export const hasDocker = (): boolean => {
  const isThere = spawnSync('docker', ['--version']).status === 0
  if (!isThere) process.stderr.write('rest skipped: there is no docker command\n')
  return isThere
}

const APPLETS =
  'sh cat echo sleep true false grep id mount stat ls mkdir mknod touch ln rm mv dd df ps tail head kill hostname env printf wc nproc tr seq yes test chown chmod readlink find cut sort date'.split(
    ' ',
  )

/** Starts an engine with its socket and the image. */
export async function startDocker(): Promise<DockerTest> {
  const engine = await startEngine()
  await engine.engine.listen()
  const docker = (args: readonly string[], input: string | Buffer = ''): Promise<Outcome> =>
    new Promise((resolve) => {
      const child = execFile(
        'docker',
        ['--host', `unix://${engine.config.socket}`, ...args],
        { timeout: 60_000, maxBuffer: 256 * 1024 * 1024 },
        (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      )
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
    })
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(args)
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`)
    return stdout
  }
  const archive = path.join(engine.config.root, 'box.tar')
  writeFileSync(archive, await boxArchive())
  await ok('load', '--input', archive)
  const ask: DockerTest['ask'] = (method, target, body = '', headers = {}) =>
    new Promise((resolve, reject) => {
      const request = http.request({ socketPath: engine.config.socket, method, path: target, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) }),
        )
      })
      request.on('error', reject)
      request.end(body)
    })
  return { engine, mode: engine.config.mode, docker, ok, ask }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** An image of a static busybox and a few folders. */
export async function boxArchive(): Promise<Buffer> {
  const layer = await buildTar([
    { name: 'bin/', type: 'directory', mode: 0o755 },
    { name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
    ...APPLETS.map((applet) => ({ name: `bin/${applet}`, type: 'symlink' as const, linkname: 'busybox' })),
    { name: 'tmp/', type: 'directory', mode: 0o1777 },
    { name: 'etc/', type: 'directory', mode: 0o755 },
    { name: 'etc/passwd', content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n') },
    { name: 'etc/group', content: Buffer.from('root:x:0:\nann:x:1000:\ncrew:x:2000:\n') },
  ])
  return buildDockerArchive([layer], { tags: ['test/box:1'] })
}
