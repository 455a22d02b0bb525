import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { EngineError } from '../contract/errors.ts'

const CAPTURE_BYTES = 64 * 1024
const KILL_AFTER_MS = 2000
/** A process that ended while a child of its keeps the pipes open is waited for no longer than this. */
const PIPE_GRACE_MS = 500
const ALL_EXIT_CODES = Array.from({ length: 256 }, (_, code) => code)

/** How a short process is run. */
export interface RunOptions {
  readonly timeoutSeconds?: number
  readonly signal?: AbortSignal | undefined
  readonly input?: string
  /** Whole environment; absent, this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly okExitCodes?: readonly number[] | 'any'
  readonly cwd?: string
  /** Most bytes that are kept of each stream; 64 KiB without. */
  readonly captureBytes?: number
  /** Descriptors that the process gets as 3, 4, …; the caller closes its own. */
  readonly extraFds?: readonly number[]
}
export interface RunResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

type Stopped = 'deadline' | 'canceled' | null

/**
 * Runs a short process and captures what it says (64 KiB at most a stream, or as many as are asked for). Past its deadline or when the signal
 * fires it gets SIGTERM, then SIGKILL. Another exit code than expected is `process.failed` with argv and stderr.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { timeoutSeconds = 30, okExitCodes = [0], signal, extraFds = [], captureBytes = CAPTURE_BYTES } = options
  const accepted = okExitCodes === 'any' ? ALL_EXIT_CODES : okExitCodes
  const [command = '', ...args] = argv
  if (signal?.aborted) return Promise.reject(failure(argv, { exitCode: -1, stdout: '', stderr: '' }, null, 'canceled'))
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe', ...extraFds],
      cwd: options.cwd,
      env: options.env as NodeJS.ProcessEnv | undefined,
    })
    const [stdin, out, err] = [child.stdin, child.stdout, child.stderr]
    if (!stdin || !out || !err) throw new EngineError('internal', 'process.not-started', `${command} has no pipes`)
    const stdout = capture(out, captureBytes)
    const stderr = capture(err, captureBytes)
    let stopped: Stopped = null
    let timer: NodeJS.Timeout | undefined
    const stop = (why: Stopped) => {
      stopped ??= why
      child.kill('SIGTERM')
      timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
    }
    const abort = () => stop('canceled')
    const deadline = setTimeout(() => stop('deadline'), timeoutSeconds * 1000)
    signal?.addEventListener('abort', abort, { once: true })
    const settle = () => {
      clearTimeout(deadline)
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    child.on('error', (cause) => {
      settle()
      reject(
        new EngineError('unavailable', 'process.not-started', `${command} cannot be started: ${cause.message}`, {
          cause,
        }),
      )
    })
    child.on('exit', () => {
      settle()
      timer = setTimeout(() => [out, err].forEach((stream) => stream.destroy()), PIPE_GRACE_MS)
    })
    child.on('close', (code, endedBy) => {
      settle()
      const result = { exitCode: code ?? -1, stdout: stdout(), stderr: stderr() }
      if (!stopped && code !== null && accepted.includes(code)) resolve(result)
      else reject(failure(argv, result, endedBy, stopped))
    })
    stdin.on('error', () => {})
    stdin.end(options.input ?? '')
  })
}

function failure(
  argv: readonly string[],
  result: RunResult,
  endedBy: NodeJS.Signals | null,
  stopped: Stopped,
): EngineError {
  const said = (result.stderr || result.stdout).trim().slice(-2000)
  const how =
    stopped === 'deadline'
      ? 'took too long'
      : stopped
        ? 'was canceled'
        : endedBy
          ? `was ended by ${endedBy}`
          : `exited with ${result.exitCode}`
  return new EngineError(
    stopped ?? 'internal',
    stopped === 'canceled' ? 'canceled' : 'process.failed',
    `${argv[0]} ${how}${said && `: ${said}`}`,
    {
      details: { argv: argv.join(' ').slice(0, 1000), exitCode: result.exitCode, stderr: said },
    },
  )
}

function capture(stream: Readable, limit: number): () => string {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    if (size >= limit) return
    chunks.push(chunk.subarray(0, limit - size))
    size += chunk.length
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
