import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { call, ended, engine, printed, until } from './engine.ts'
import type { Scenario } from './scenario.ts'

const MEMORY = 64 * 1024 * 1024
const LIMITS = { memoryBytes: MEMORY, cpus: 0.5, pids: 7 }

/** An ordinary user whom systemd delegates control groups, as on a desktop. */
export const delegatedScenarios: readonly Scenario[] = [
  { title: 'has its keeper in a delegated scope of its own, outside of where the app runs', run: isOutsideOfApp },
  { title: 'sets limits in the files of that scope, and changes them', run: setsLimits },
  { title: 'marks a container that the kernel ended for want of memory', run: marksOutOfMemory },
  { title: 'keeps a container from making more processes than it may', run: limitsProcesses },
  { title: 'freezes a container and lets it go on', run: pauses },
  { title: 'reads what a container uses from its own group', run: readsStats },
  { title: 'says which limit is left out where systemd does not delegate its controller', run: warnsOfCpuset },
  { title: 'keeps containers and limits when its keeper is killed', run: survivesKeeper },
]

/** An ordinary user without a user manager, as after `su`. */
export const undelegatedScenarios: readonly Scenario[] = [
  { title: 'runs containers, and says of each limit that it is left out and how to get it', run: warnsOfAll },
  { title: 'tells in its own description that there are no limits', run: tellsOfNone },
  { title: 'refuses to pause, with the reason', run: refusesPause },
]

const info = () => call((handlers, options) => handlers.system.info({}, options))
const groupOf = (pid: number) => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? ''
const groupFile = (pid: number, name: string) => readFileSync(`/sys/fs/cgroup${groupOf(pid)}/${name}`, 'utf8').trim()

async function isOutsideOfApp(): Promise<void> {
  const { keeperPid, limits } = await info()
  const scope = /\/user@\d+\.service\/slipway\.slice\/(slipway-[^/]+\.scope)\/keeper$/.exec(groupOf(keeperPid))?.[1]
  assert.ok(scope, groupOf(keeperPid))
  assert.ok(!groupOf(process.pid).includes('slipway.slice'))
  assert.deepEqual([...limits].sort(), ['cpu', 'memory', 'pids', 'swap'])
  const said = execFileSync('systemctl', ['--user', 'show', scope, '-p', 'Delegate', '-p', 'Slice']).toString()
  assert.match(said, /Delegate=yes/)
}

async function setsLimits(): Promise<void> {
  const { run, remove, test } = await engine()
  const { id, pid } = await run({ resources: LIMITS })
  assert.equal(groupFile(pid, 'memory.max'), String(MEMORY))
  assert.equal(groupFile(pid, 'cpu.max'), '50000 100000')
  assert.equal(groupFile(pid, 'pids.max'), '7')
  const update = { resources: { memoryBytes: 2 * MEMORY, memorySwapBytes: 3 * MEMORY }, restart: null }
  assert.deepEqual(await test.engine.services.container.update(id, update), [])
  assert.equal(groupFile(pid, 'memory.max'), String(2 * MEMORY))
  await remove(id)
}

async function marksOutOfMemory(): Promise<void> {
  const { run, remove } = await engine()
  const bystander = await run()
  const resources = { memoryBytes: MEMORY / 4, memorySwapBytes: MEMORY / 4 }
  const { id } = await run({ command: ['tail', '/dev/zero'], resources })
  const { oomKilled, exitCode } = await ended(id)
  assert.deepEqual({ oomKilled, exitCode }, { oomKilled: true, exitCode: 137 })
  // systemd has seen it too, and must not end the scope for it.
  assert.ok(groupOf(bystander.pid).includes('slipway.slice'))
  await remove(bystander.id)
}

async function limitsProcesses(): Promise<void> {
  const { run } = await engine()
  const { id } = await run({ command: ['sh', '-c', 'while true; do sleep 600 & done'], resources: { pids: 5 } })
  assert.match(await ended(id).then(() => printed(id)), /can't fork/)
}

async function pauses(): Promise<void> {
  const { run, remove } = await engine()
  const { id, pid } = await run()
  await call((handlers, options) => handlers.container.pause({ id }, options))
  assert.match(groupFile(pid, 'cgroup.events'), /frozen 1/)
  await call((handlers, options) => handlers.container.unpause({ id }, options))
  assert.match(groupFile(pid, 'cgroup.events'), /frozen 0/)
  await remove(id)
}

async function readsStats(): Promise<void> {
  const { run, remove, test } = await engine()
  const { id } = await run({ resources: { memoryBytes: MEMORY } })
  const samples = test.engine.services.container.stats([id], new AbortController().signal)
  for await (const [sample] of samples) {
    if (!sample) continue
    assert.equal(sample.memoryLimitBytes, MEMORY)
    assert.ok(sample.memoryBytes > 0 && sample.pids >= 1)
    break
  }
  await remove(id)
}

async function create(resources: Record<string, unknown>) {
  const { image } = await engine()
  const { request } = await import('../../helpers/engine.ts')
  return call((handlers, options) =>
    handlers.container.create(request({ image, command: ['sleep', '600'], resources }), options),
  )
}

async function warnsOfCpuset(): Promise<void> {
  const { warnings } = await create({ ...LIMITS, cpusetCpus: '0' })
  assert.equal(warnings.length, 2)
  assert.match(warnings.join(' '), /does not support cpuset .* Cpuset discarded.*--doctor/)
}

async function survivesKeeper(): Promise<void> {
  const { run, remove, test } = await engine()
  const before = await run({ resources: LIMITS })
  const { keeperPid } = await info()
  process.kill(keeperPid, 'SIGKILL')
  await until('another keeper', async () => {
    const now = await info().catch(() => null)
    return now !== null && now.keeperPid !== keeperPid
  })
  assert.match(groupOf((await info()).keeperPid), /slipway\.slice\/slipway-[^/]+\.scope\/keeper$/)
  assert.equal(groupFile(before.pid, 'memory.max'), String(MEMORY))
  await test.engine.services.container.update(before.id, { resources: { pids: 9 }, restart: null })
  assert.equal(groupFile(before.pid, 'pids.max'), '9')
  const after = await run({ resources: LIMITS })
  assert.equal(groupFile(after.pid, 'memory.max'), String(MEMORY))
  await Promise.all([remove(before.id), remove(after.id)])
}

async function warnsOfAll(): Promise<void> {
  const { id, warnings } = await create(LIMITS)
  for (const what of ['memory limit', 'CPU CFS', 'PIDs limit', '--doctor'])
    assert.ok(warnings.join().includes(what), what)
  await call((handlers, options) => handlers.container.start({ id }, options))
  const { inspect, remove } = await engine()
  const { status, config } = await inspect(id)
  assert.deepEqual({ status, memory: config.resources.memoryBytes }, { status: 'running', memory: 0 })
  await remove(id)
}

async function tellsOfNone(): Promise<void> {
  const { limits, warnings } = await info()
  assert.deepEqual(limits, [])
  assert.match(warnings.join(' '), /no limits/)
}

async function refusesPause(): Promise<void> {
  const { run, remove } = await engine()
  const { id } = await run()
  await assert.rejects(
    call((handlers, options) => handlers.container.pause({ id }, options)),
    { reason: 'container.pause-unavailable' },
  )
  await remove(id)
}
