import fs from 'node:fs'
import { EngineError } from '../../../contract/errors.ts'
import type { ProcessRef, ProcessTable } from '../../../host/host.ts'
import { run } from '../../exec.ts'
import { readStatFields } from '../../libc/process.ts'
import { listPidNamespaces, pidNamespace } from './stats.ts'

/** A container's processes in the words of ps(1), by pids of this machine. */
export async function listProcesses(init: ProcessRef, psArgs: readonly string[]): Promise<ProcessTable> {
  const odd = psArgs.find((argument) => /pid=/.test(argument))
  if (odd !== undefined) throw new EngineError('invalidArgument', 'top.invalid', `specifying "${odd}" is not allowed`)
  const pids = new Set(containerPids(init.pid))
  // Some options cannot go together with -q: everything is listed then.
  const chosen = await runPs([...psArgs, '-q', [...pids].join(',')]).catch(() => runPs(psArgs))
  return parsePs(chosen, pids)
}

async function runPs(args: readonly string[]): Promise<string> {
  const { stdout } = await run(['ps', ...args]).catch((error: unknown) => {
    const said = error instanceof EngineError ? String(error.details?.['stderr'] ?? error.message) : String(error)
    throw new EngineError('invalidArgument', 'top.failed', `ps: ${said.trim().split('\n')[0]}`)
  })
  return stdout
}

/** The rows of ps's output whose pid is wanted; the last column may hold spaces. */
export function parsePs(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [header = '', ...lines] = output.split('\n')
  const titles = header.trim().split(/\s+/)
  const column = titles.indexOf('PID')
  if (column < 0) throw new EngineError('invalidArgument', 'top.no-pid', "Couldn't find PID field in ps output")
  const processes = lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => pids.has(Number(fields[column])))
    .map((fields) => [...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')])
  return { titles, processes }
}

/** Pids of a container: those of its pid namespace, or where it shares ours the descendants of its first process. */
function containerPids(init: number): number[] {
  const own = pidNamespace(init)
  if (own !== pidNamespace(process.pid)) return listPidNamespaces().get(own) ?? [init]
  const children = new Map<number, number[]>()
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name)
    const parent = pid ? Number(readStatFields(pid)[1] ?? 0) : 0
    if (parent) children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const found = [init]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}
