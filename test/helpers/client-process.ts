import { spawn, spawnSync } from 'node:child_process'
import type { Outcome } from './docker.ts'

/** Whether a program is here and works with these arguments. */
export const hasProgram = (program: string, args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0

/** Runs a client of the API against a socket, to its end or its deadline. It never throws: the outcome tells. */
export function runClient(
  argv: readonly [string, ...string[]],
  options: {
    readonly socket: string
    readonly cwd?: string
    readonly input?: string
    readonly env?: NodeJS.ProcessEnv
  },
): Promise<Outcome> {
  const { socket, cwd, input = '', env = {} } = options
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd,
      timeout: 90_000,
      env: { ...process.env, ...env, DOCKER_HOST: `unix://${socket}` },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}
