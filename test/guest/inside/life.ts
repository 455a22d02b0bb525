import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TerminalIn } from '../../../engine/contract/container.ts'
import { call, ended, engine, printed, until } from './engine.ts'
import type { Scenario } from './scenario.ts'

const MEMORY = 64 * 1024 * 1024
const groupFile = (id: string, name: string) => readFileSync(`/sys/fs/cgroup/slipway/${id}/${name}`, 'utf8').trim()

/** A container's life as root on cgroup v2, by either runtime. */
export function lifeScenarios(runtime: 'runc' | 'crun'): Scenario[] {
  return [
    { title: 'says that it is on the unified layout, and by which runtime', run: () => tellsOfMachine(runtime) },
    { title: 'runs a container to its end, with its output and its exit code', run: runsToEnd },
    { title: 'sets limits of memory, processors and processes in the files of cgroup v2', run: setsLimits },
    { title: 'changes the limits of a running container', run: changesLimits },
    { title: 'marks a container that the kernel ended for want of memory', run: marksOutOfMemory },
    { title: 'keeps a container from making more processes than it may', run: limitsProcesses },
    { title: 'freezes a container and lets it go on', run: pauses },
    { title: 'reads what a container uses', run: readsStats },
    { title: 'shows a container its own group alone, and only to read', run: hidesGroups },
    { title: 'runs a further process, and attaches to the first', run: talks },
    { title: 'ends a container by a signal, and leaves no group behind', run: kills },
    { title: 'takes a command that is not there for a mistake of the caller', run: refusesCommand },
  ]
}

async function tellsOfMachine(runtime: string): Promise<void> {
  const info = await call((handlers, options) => handlers.system.info({}, options))
  assert.equal(info.cgroup, 'v2')
  assert.match(info.runtime, new RegExp(`^${runtime} `))
}

async function runsToEnd(): Promise<void> {
  const { run } = await engine()
  const { id } = await run({ command: ['sh', '-c', 'echo out; echo err >&2; exit 3'], securityOptions: [] })
  assert.equal((await ended(id)).exitCode, 3)
  await until('the log', async () => /out/.test(await printed(id)) && /err/.test(await printed(id)))
}

async function setsLimits(): Promise<void> {
  const { run, remove } = await engine()
  const { id } = await run({ resources: { memoryBytes: MEMORY, cpus: 0.5, pids: 7, cpuShares: 512, cpusetCpus: '0' } })
  assert.equal(groupFile(id, 'memory.max'), String(MEMORY))
  assert.equal(groupFile(id, 'memory.swap.max'), String(MEMORY))
  assert.equal(groupFile(id, 'cpu.max'), '50000 100000')
  assert.equal(groupFile(id, 'pids.max'), '7')
  assert.equal(groupFile(id, 'cpu.weight'), '20')
  assert.equal(groupFile(id, 'cpuset.cpus'), '0')
  await remove(id)
}

async function changesLimits(): Promise<void> {
  const { run, remove, test } = await engine()
  const { id } = await run({ resources: { memoryBytes: MEMORY } })
  const update = { resources: { memoryBytes: 2 * MEMORY, memorySwapBytes: 3 * MEMORY, pids: 9 }, restart: null }
  assert.deepEqual(await test.engine.services.container.update(id, update), [])
  assert.equal(groupFile(id, 'memory.max'), String(2 * MEMORY))
  assert.equal(groupFile(id, 'memory.swap.max'), String(MEMORY))
  assert.equal(groupFile(id, 'pids.max'), '9')
  await remove(id)
}

async function marksOutOfMemory(): Promise<void> {
  const { run } = await engine()
  const { id } = await run({
    command: ['tail', '/dev/zero'],
    resources: { memoryBytes: MEMORY / 4, memorySwapBytes: MEMORY / 4 },
  })
  const { oomKilled, exitCode } = await ended(id)
  assert.deepEqual({ oomKilled, exitCode }, { oomKilled: true, exitCode: 137 })
}

async function limitsProcesses(): Promise<void> {
  const { run, remove } = await engine()
  const { id } = await run({ command: ['sh', '-c', 'while true; do sleep 600 & done'], resources: { pids: 5 } })
  assert.match(await ended(id).then(() => printed(id)), /can't fork/)
  await remove(id)
}

async function pauses(): Promise<void> {
  const { run, remove, inspect } = await engine()
  const { id } = await run({ command: ['sh', '-c', 'while true; do echo tick; sleep 0.1; done'] })
  await call((handlers, options) => handlers.container.pause({ id }, options))
  assert.match(groupFile(id, 'cgroup.events'), /frozen 1/)
  assert.equal((await inspect(id)).status, 'paused')
  const before = (await printed(id)).length
  await call((handlers, options) => handlers.container.unpause({ id }, options))
  assert.match(groupFile(id, 'cgroup.events'), /frozen 0/)
  await until('another line', async () => (await printed(id)).length > before)
  await remove(id)
}

async function readsStats(): Promise<void> {
  const { run, remove, test } = await engine()
  const { id } = await run({
    command: ['sh', '-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 600'],
    resources: { memoryBytes: MEMORY },
  })
  await until('a sample of its own', async () => {
    for await (const samples of test.engine.services.container.stats([id], new AbortController().signal)) {
      const [sample] = samples
      if (!sample) continue
      assert.equal(sample.memoryLimitBytes, MEMORY)
      return sample.cpuNanoseconds > 0 && sample.memoryBytes > 0 && sample.pids >= 1
    }
    return false
  })
  await remove(id)
}

async function hidesGroups(): Promise<void> {
  const { shell } = await engine()
  const lines = await shell(
    'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max; echo 1 2>/dev/null > /sys/fs/cgroup/pids.max || echo kept',
    { resources: { pids: 11 } },
  )
  assert.deepEqual(lines, ['0::/', '11', 'kept'])
}

async function talks(): Promise<void> {
  const { run, remove, exec } = await engine()
  const { id } = await run({ command: ['cat'], openStdin: true })
  assert.equal((await exec(id, 'echo $((6*7)); cat /proc/self/cgroup')).trim(), '42\n0::/')
  let said = ''
  async function* typed(): AsyncGenerator<TerminalIn> {
    yield { type: 'data', data: Buffer.from('echoed\n') }
  }
  const frames = await call((handlers, options) => handlers.container.attach({ id }, { ...options, up: typed() }))
  for await (const frame of frames) {
    if (frame.type === 'data') said += Buffer.from(frame.data).toString()
    if (said.includes('echoed')) break
  }
  assert.equal(said, 'echoed\n')
  await remove(id)
}

async function kills(): Promise<void> {
  const { run, remove } = await engine()
  const { id } = await run({ command: ['sh', '-c', 'trap "exit 7" USR1; echo ready; while true; do sleep 0.1; done'] })
  await until('the trap', async () => (await printed(id)) === 'ready')
  await call((handlers, options) => handlers.container.kill({ id, signal: 'SIGUSR1' }, options))
  assert.equal((await ended(id)).exitCode, 7)
  await remove(id)
  assert.throws(() => groupFile(id, 'cgroup.procs'), { code: 'ENOENT' })
}

async function refusesCommand(): Promise<void> {
  const { run } = await engine()
  await assert.rejects(run({ command: ['no-such-command'] }), { reason: 'runtime.command-not-found' })
}
