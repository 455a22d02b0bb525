import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

const isRoot = process.getuid?.() === 0

/** What goes wrong around a container, and what is left of it then. */
describe.skipIf(!hasDocker)('containers survive what happens around them', () => {
  let it: DockerTest
  const inspect = async (name: string, format: string) => (await it.ok('inspect', '--format', format, name)).trim()
  const pidOf = async (name: string) => Number(await inspect(name, '{{.State.Pid}}'))
  const run = async (name: string, ...args: string[]) => void (await it.ok('run', '-d', '--name', name, ...args))
  const becomes = (name: string, format: string, wanted: string) =>
    waitUntil(async () => (await inspect(name, format)) === wanted, `${name} to be ${wanted}`)

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('a healthcheck makes a container unhealthy and healthy again, also after the engine was away', async () => {
    const every = ['--health-interval', '200ms', '--health-retries', '2', '--health-timeout', '2s']
    await run('ward', '--health-cmd', '[ -e /tmp/well ]', ...every, 'test/box:1', 'sleep', '1000')
    await becomes('ward', '{{.State.Health.Status}}', 'unhealthy')
    await it.engine.restart()
    await it.engine.engine.listen()
    await it.ok('exec', 'ward', 'touch', '/tmp/well')
    await becomes('ward', '{{.State.Health.Status}}', 'healthy')
    expect(await it.ok('ps', '--filter', 'name=ward', '--format', '{{.Status}}')).toMatch(/^Up .* \(healthy\)\n$/)
    await it.ok('rm', '--force', 'ward')
  })

  test('NONE takes the healthcheck of an image away', async () => {
    await run('plain', '--no-healthcheck', 'test/box:1', 'sleep', '1000')
    expect(await inspect('plain', '{{.State.Health}}')).toMatch(/<nil>|none/)
    await it.ok('rm', '--force', 'plain')
  })

  test.skipIf(!isRoot)('a container that the kernel ends for its memory says so', async () => {
    const args = ['run', '--name', 'glutton', '--memory', '16m', 'test/box:1']
    const { code } = await it.docker([...args, 'sh', '-c', 'head -c 100m /dev/zero | tail'])
    expect(code).toBe(137)
    expect(await inspect('glutton', '{{.State.OOMKilled}} {{.State.ExitCode}}')).toBe('true 137')
    await it.ok('rm', 'glutton')
  })

  test('--init reaps what nobody else does', async () => {
    await run('reaper', '--init', 'test/box:1', 'sh', '-c', '(sleep 0.1 &) ; sleep 1000')
    const zombies = () => it.ok('exec', 'reaper', 'sh', '-c', 'grep -l "^State:.Z" /proc/[0-9]*/status || true')
    const isGone = async () => !/\d\s+sleep 0\.1$/m.test(await it.ok('exec', 'reaper', 'ps'))
    await waitUntil(isGone, 'the end of the child')
    expect(await zombies()).toBe('')
    await it.ok('rm', '--force', 'reaper')
  })

  test('a removal by force meets an exit at any moment and removes all the same', async () => {
    for (let round = 0; round < 12; round += 1) {
      await run('brief', '--network', 'none', 'test/box:1', 'sh', '-c', `sleep 0.${round % 4}`)
      await new Promise((resolve) => setTimeout(resolve, round * 25))
      expect(await it.docker(['rm', '--force', 'brief'])).toEqual({ code: 0, stdout: 'brief\n', stderr: '' })
    }
    expect(await it.ok('ps', '-aq')).toBe('')
  })

  test('a container whose shim is killed is over at once, with 255 and the reason, and can be started again', async () => {
    await run('orphan', 'test/box:1', 'sleep', '1000')
    const pid = await pidOf('orphan')
    process.kill(parentOf(pid), 'SIGKILL')
    await becomes('orphan', '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}', 'exited 255 shim lost')
    await waitUntil(() => !isThere(pid), 'the end of the process')
    await it.ok('start', 'orphan')
    expect(await inspect('orphan', '{{.State.Status}}')).toBe('running')
    await it.ok('rm', '--force', 'orphan')
  })

  test('what the engine stops on its way out comes back as its restart policy says, and so does `always` after a stop', async () => {
    const policies = ['no', 'on-failure', 'unless-stopped', 'always']
    for (const policy of policies)
      for (const who of ['engine', 'user'])
        await run(
          `${policy}-${who}`,
          '--restart',
          policy,
          'test/box:1',
          'sh',
          '-c',
          'trap "exit 1" TERM; sleep 1000 & wait',
        )
    await run(
      'sharer',
      '--stop-signal',
      'KILL',
      '--restart',
      'always',
      '--network',
      'container:always-engine',
      'test/box:1',
      'sleep',
      '1000',
    )
    await it.ok('stop', ...policies.map((policy) => `${policy}-user`))
    await it.engine.restart({ stopContainers: true })
    await it.engine.engine.listen()
    const up = ['always-engine', 'always-user', 'on-failure-engine', 'sharer', 'unless-stopped-engine']
    const running = async () => (await it.ok('ps', '--format', '{{.Names}}')).trim().split('\n').sort()
    await waitUntil(async () => (await running()).length === up.length, 'the containers that come back')
    expect(await running()).toEqual(up)
    await it.ok('rm', '--force', '--volumes', ...(await it.ok('ps', '-aq')).trim().split('\n'))
  })

  test('a killed keeper takes no container, exit code or port along', async () => {
    await run('stays', 'test/box:1', 'sh', '-c', 'sleep 1; exit 7')
    await run('policy', '--restart', 'always', 'test/box:1', 'sleep', '1000')
    const pid = await pidOf('policy')
    const keeper = Number(readFileSync(path.join(it.engine.config.runtimeDir, 'keeper.pid'), 'utf8'))
    process.kill(keeper, 'SIGKILL')
    await becomes('stays', '{{.State.Status}} {{.State.ExitCode}}', 'exited 7')
    expect(await pidOf('policy')).toBe(pid)
    process.kill(pid, 'SIGKILL')
    await waitUntil(async () => ![0, pid].includes(await pidOf('policy')), 'the restart')
    await it.ok('rm', '--force', 'stays', 'policy')
  })
})

const isThere = (pid: number): boolean => {
  try {
    return pid > 0 && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
