import { writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { busyboxArchive, dockerOn, type Outcome } from './docker.ts'
import { startEngine, type TestEngine } from './engine.ts'

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

const APPLETS =
  'sh cat stty echo sleep true false grep id mount stat ls mkdir mknod touch ln rm mv dd df ps tail head kill hostname env printf wc nproc tr seq yes test chown chmod readlink find cut sort date nslookup'.split(
    ' ',
  )

const ACCOUNTS = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n',
  'etc/group': 'root:x:0:\nann:x:1000:\ncrew:x:2000:\n',
}

/** Starts an engine with its socket and the image. */
export async function startDocker(): Promise<DockerTest> {
  const engine = await startEngine()
  await engine.engine.listen()
  const docker = dockerOn(engine.config.socket)
  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await docker(args)
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${code}\n${stderr}`)
    return stdout
  }
  const archive = path.join(engine.config.root, 'box.tar')
  writeFileSync(archive, await busyboxArchive(['test/box:1'], { applets: APPLETS, files: ACCOUNTS }))
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
