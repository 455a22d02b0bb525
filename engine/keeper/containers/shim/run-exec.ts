import { randomUUID } from 'node:crypto'
import fs from 'node:fs/promises'
import type { RunExecResult } from '../../../host/host.ts'
import { ociJson } from '../../../lib/oci-json.ts'
import { run } from '../../exec.ts'
import { runtimeGlobals, type ShimConfig } from './conmon.ts'
import { readPid } from './records.ts'
import { cleanRuntimeText, lastLoggedError } from './runtime-error.ts'

const OUTPUT_LIMIT = 4096
/** What runc itself needs beside the process. */
const GRACE_SECONDS = 10

/** Runs a process in a container and waits for it. Too late, or not startable: exit code −1 and the reason as output. */
export async function runExecOnce(
  config: ShimConfig,
  execs: string,
  params: {
    readonly containerId: string
    readonly process: unknown
    readonly timeoutSeconds: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<RunExecResult> {
  const folder = `${execs}/run-${randomUUID()}`
  await fs.mkdir(folder, { mode: 0o700 })
  let isLate = false
  const kill = () => killSession(readPid(`${folder}/pidfile`))
  const deadline = setTimeout(() => {
    isLate = true
    kill()
  }, params.timeoutSeconds * 1000)
  params.signal?.addEventListener('abort', kill, { once: true })
  try {
    await fs.writeFile(`${folder}/process.json`, ociJson(params.process))
    const result = await run(
      [
        config.runtime,
        ...runtimeGlobals(config, `${folder}/oci-log`),
        'exec',
        '--process',
        `${folder}/process.json`,
        '--pid-file',
        `${folder}/pidfile`,
        params.containerId,
      ],
      { timeoutSeconds: params.timeoutSeconds + GRACE_SECONDS, okExitCodes: 'any', signal: params.signal },
    ).catch((error: unknown) => {
      if (isLate) return null
      throw error
    })
    if (isLate || !result) return { exitCode: -1, output: `the check took longer than ${params.timeoutSeconds} s` }
    const problem = lastLoggedError(await fs.readFile(`${folder}/oci-log`, 'utf8').catch(() => ''))
    if (problem && result.exitCode >= 125)
      return { exitCode: -1, output: cleanRuntimeText(problem).slice(0, OUTPUT_LIMIT) }
    return {
      exitCode: result.exitCode,
      output: Buffer.from(result.stdout + result.stderr)
        .subarray(0, OUTPUT_LIMIT)
        .toString(),
    }
  } finally {
    clearTimeout(deadline)
    params.signal?.removeEventListener('abort', kill)
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/** runc makes the process the leader of a session and group of its own. */
function killSession(pid: number): void {
  for (const target of pid > 1 ? [-pid, pid] : []) {
    try {
      process.kill(target, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}
