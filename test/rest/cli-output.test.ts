import { execFile } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

/** Compose v2 cannot be had here; `compose.test.ts` uses the first one, and this command is the stock one. */
describe.skipIf(!hasDocker)('what the stock command shows, and flags of run', () => {
  let it: DockerTest
  const run = (flags: readonly string[], script: string) =>
    it.ok('run', '--rm', '--network', 'none', ...flags, 'test/box:1', 'sh', '-c', script)
  const isRootful = () => it.mode === 'rootful'

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('stats --no-stream shows each container once, and of one that has ended nothing', async () => {
    await it.ok('run', '-d', '--name', 'busy', '--network', 'none', 'test/box:1', 'sh', '-c', 'yes > /dev/null')
    await it.ok('create', '--name', 'idle', 'test/box:1', 'true')
    const format = '{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.NetIO}}|{{.BlockIO}}|{{.PIDs}}'
    const stats = async (...args: string[]) =>
      (await it.ok('stats', '--no-stream', '--format', format, ...args)).trim().split('\n')
    const [line = '', ...more] = await stats()
    expect(more).toEqual([])
    const [name, cpu = '', memory = '', network, block, pids] = line.split('|')
    expect([name, network]).toEqual(['busy', '0B / 0B'])
    expect(block).toMatch(/^[\d.]+[kMG]?B \/ [\d.]+[kMG]?B$/)
    expect(cpu).toMatch(/^[\d.]+%$/)
    expect(memory).toMatch(/^[\d.]+(B|KiB|MiB) \/ [\d.]+GiB$/)
    if (isRootful()) {
      expect(Number.parseFloat(cpu)).toBeGreaterThan(5)
      expect(Number(pids)).toBeGreaterThanOrEqual(1)
    }
    expect((await stats('--all')).map((one) => one.split('|')[0]).toSorted()).toEqual(['busy', 'idle'])
    expect((await it.docker(['stats', '--no-stream', 'nosuch'])).stderr).toContain('No such container: nosuch')
    await it.ok('rm', '-f', 'busy', 'idle')
  })

  test('logs --since and --until cut at a time, at an age and at both', async () => {
    const script = 'echo first; sleep 1.5; echo second; sleep 1.5; echo third'
    await it.ok('run', '--name', 'timed', '--network', 'none', 'test/box:1', 'sh', '-c', script)
    const stamped = (await it.ok('logs', '--timestamps', 'timed')).trim().split('\n')
    expect(stamped.map((line) => line.split(' ')[1])).toEqual(['first', 'second', 'third'])
    const times = stamped.map((line) => line.split(' ')[0] ?? '')
    const logs = (...args: string[]) => it.ok('logs', ...args, 'timed')
    const before = (index: number) => new Date(Date.parse(times[index] ?? '') - 300).toISOString()
    expect(await logs('--since', before(1))).toBe('second\nthird\n')
    expect(await logs('--until', before(1))).toBe('first\n')
    expect(await logs('--since', before(1), '--until', before(2))).toBe('second\n')
    expect(await logs('--since', String(Date.parse(before(2)) / 1000))).toBe('third\n')
    expect(await logs('--since', '1h')).toBe('first\nsecond\nthird\n')
    expect(await logs('--until', '1h')).toBe('')
    expect(await logs('--since', before(1), '--tail', '1')).toBe('third\n')
    await it.ok('rm', 'timed')
  })

  test('system df -v shows each image, container and volume with its size and users; df takes one kind at a time', async () => {
    const fill = 'dd if=/dev/zero of=/f bs=1M count=2; dd if=/dev/zero of=/v/f bs=1M count=3'
    await it.ok('run', '--name', 'full', '--network', 'none', '-v', 'kept:/v', 'test/box:1', 'sh', '-c', fill)
    const shown = await it.ok('system', 'df', '-v')
    expect(shown).toMatch(/^test\/box +1 +[0-9a-f]{12} .+ [\d.]+[kM]B +[\d.]+k?B +[\d.]+[kM]?B +1$/m)
    // CONTAINER ID, IMAGE, COMMAND, LOCAL VOLUMES, SIZE, CREATED, STATUS, NAMES
    expect(shown).toMatch(/^[0-9a-f]{12} +test\/box:1 +"sh -c 'dd if=\/dev\/z…" +1 +2\.\d+MB .+ Exited \(0\) .+ full$/m)
    expect(shown).toMatch(/^kept +1 +3\.\d+MB$/m)
    expect(await it.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}}')).toBe(
      'Images 1 1\nContainers 1 0\nLocal Volumes 1 1\nBuild Cache 0 0\n',
    )
    const df = async (query: string) => (await it.ask('GET', `/system/df${query}`)).json
    expect(Object.keys(await df('?type=container'))).toEqual(['Containers'])
    expect(Object.keys(await df('?type=volume&type=image')).toSorted()).toEqual(['Images', 'LayersSize', 'Volumes'])
    expect((await df('?type=container'))['Containers']).toMatchObject([
      { Names: ['/full'], SizeRw: expect.any(Number), SizeRootFs: expect.any(Number), Mounts: [{ Name: 'kept' }] },
    ])
    expect(await df('?type=nosuch')).toEqual({ message: expect.stringContaining('unknown object type: nosuch') })
    await it.ok('rm', 'full')
    await it.ok('volume', 'rm', 'kept')
  })

  test('system prune says what went, of which kind, and how much that was', async () => {
    await it.ok('run', '--network', 'none', 'test/box:1', 'dd', 'if=/dev/zero', 'of=/f', 'bs=1M', 'count=2')
    await it.ok('network', 'create', 'lonely')
    await it.ok('volume', 'create', 'named')
    const said = await it.ok('system', 'prune', '--force', '--volumes')
    expect(said).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n/m)
    expect(said).toMatch(/^Deleted Networks:\nlonely\n/m)
    expect(said).toMatch(/^Total reclaimed space: 2\.\d+MB$/m)
    // One with a name is spared.
    expect(await it.ok('volume', 'ls', '-q')).toBe('named\n')
    await it.ok('volume', 'rm', 'named')
    expect(await it.ok('system', 'prune', '--force')).toBe('Total reclaimed space: 0B\n')
  })

  test('update --blkio-weight is kept, and refused where it makes no sense or is not here', async () => {
    await it.ok('create', '--name', 'weighed', '--network', 'none', 'test/box:1', 'true')
    const weight = async () => (await it.ok('inspect', '-f', '{{.HostConfig.BlkioWeight}}', 'weighed')).trim()
    const { stdout, stderr } = await it.docker(['update', '--blkio-weight', '300', 'weighed'])
    if (isRootful()) expect(await weight()).toBe('300')
    else expect(stdout + stderr).toContain('Block I/O limits discarded')
    const before = await weight()
    await it.docker(['update', '--restart', 'on-failure', 'weighed'])
    expect(await weight()).toBe(before)
    expect((await it.docker(['update', '--blkio-weight', '5', 'weighed'])).stderr).toContain(
      'Range of blkio weight is from 10 to 1000',
    )
    expect((await it.docker(['update', '--cpu-rt-runtime', '5', 'weighed'])).stderr).toContain(
      '--cpu-rt-runtime is not implemented here',
    )
    await it.ok('rm', 'weighed')
    await it.ok('run', '-d', '--name', 'weighed', '--network', 'none', 'test/box:1', 'sleep', '60')
    const live = await it.docker(['update', '--blkio-weight', '400', 'weighed'])
    expect(await weight()).toBe(live.code === 0 && isRootful() ? '400' : '0')
    await it.ok('rm', '-f', 'weighed')
  })

  test('the options of the address management are kept', async () => {
    await it.ok('network', 'create', '--ipam-opt', 'a=b', 'managed')
    expect(await it.ok('network', 'inspect', '-f', '{{json .IPAM.Options}}', 'managed')).toBe('{"a":"b"}\n')
    await it.engine.restart()
    await it.engine.engine.listen()
    expect(await it.ok('network', 'inspect', '-f', '{{json .IPAM.Options}}', 'managed')).toBe('{"a":"b"}\n')
    await it.ok('network', 'rm', 'managed')
  })

  test('--cap-add and --cap-drop, one by one and all', async () => {
    const effective = async (...flags: string[]) =>
      BigInt(`0x${(await run(flags, 'grep CapEff /proc/self/status')).split('\t')[1]?.trim()}`)
    const has = (set: bigint, capability: number) => (set >> BigInt(capability)) & 1n
    const [chown, netAdmin, kill] = [0, 12, 5]
    const usual = await effective()
    expect([has(usual, chown), has(usual, netAdmin), has(usual, kill)]).toEqual([1n, 0n, 1n])
    const changed = await effective('--cap-add', 'NET_ADMIN', '--cap-drop', 'CAP_CHOWN')
    expect([has(changed, chown), has(changed, netAdmin), has(changed, kill)]).toEqual([0n, 1n, 1n])
    expect(await effective('--cap-drop', 'ALL')).toBe(0n)
    expect(await effective('--cap-drop', 'ALL', '--cap-add', 'KILL')).toBe(1n << BigInt(kill))
    expect((await it.docker(['create', '--cap-add', 'NOSUCH', 'test/box:1'])).stderr).toContain('NOSUCH')
  })

  test('--add-host, --dns, --dns-search and --dns-option are in the files of the container', async () => {
    const flags = ['--add-host', 'pier:10.1.2.3', '--add-host', 'six=fd00::7']
    const resolver = ['--dns', '10.9.9.9', '--dns-search', 'sea.test', '--dns-option', 'ndots:3']
    const both = await it.ok(
      ...['run', '--rm', ...flags, ...resolver, 'test/box:1'],
      ...['sh', '-c', 'cat /etc/hosts /etc/resolv.conf'],
    )
    expect(both).toMatch(/^10\.1\.2\.3\s+pier$/m)
    expect(both).toMatch(/^fd00::7\s+six$/m)
    expect(both).toMatch(/^nameserver 10\.9\.9\.9$/m)
    expect(both).toMatch(/^search sea\.test$/m)
    expect(both).toMatch(/^options .*ndots:3/m)
    expect((await it.docker(['run', '--rm', '--dns', 'nosuch', 'test/box:1', 'true'])).code).not.toBe(0)
  })

  test('--stop-signal is what stop sends, and --stop-timeout how long it waits', async () => {
    const trap = 'trap "exit 5" USR1; trap "" TERM; echo ready; while :; do sleep 0.05; done'
    const start = (name: string, ...flags: string[]) =>
      it.ok('run', '-d', '--name', name, '--network', 'none', ...flags, 'test/box:1', 'sh', '-c', trap)
    const ready = (name: string) => waitUntil(async () => (await it.ok('logs', name)) === 'ready\n')
    await start('polite', '--stop-signal', 'SIGUSR1')
    await ready('polite')
    await it.ok('stop', 'polite')
    expect(await it.ok('inspect', '-f', '{{.State.ExitCode}} {{.Config.StopSignal}}', 'polite')).toBe('5 SIGUSR1\n')
    await start('deaf', '--stop-timeout', '1')
    await ready('deaf')
    const begun = performance.now()
    await it.ok('stop', 'deaf')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1000)
    expect(await it.ok('inspect', '-f', '{{.State.ExitCode}}', 'deaf')).toBe('137\n')
    await it.ok('rm', 'polite', 'deaf')
    expect((await it.docker(['create', '--stop-signal', 'NOSUCH', 'test/box:1'])).stderr).toContain('NOSUCH')
  })

  test('--detach-keys of run and of exec leave by other keys than the usual ones, and nothing ends', async () => {
    const docker = `docker --host unix://${it.engine.config.socket}`
    /** Types into the command, which has a terminal, what nobody but the keys would end. */
    const typed = (command: string) =>
      new Promise<string>((resolve) => {
        const line = `(sleep 1; printf 'echo ty""ped\\n'; sleep 0.5; printf '\\030q') | script -qec '${docker} ${command}' /dev/null`
        execFile('sh', ['-c', line], { timeout: 20_000 }, (_, stdout) => resolve(stdout))
      })
    const keys = '--detach-keys ctrl-x,q'
    expect(await typed(`run -it --name left --network none ${keys} test/box:1 sh`)).toContain('typed\r\n')
    expect(await it.ok('inspect', '-f', '{{.State.Running}}', 'left')).toBe('true\n')
    expect(await typed(`exec -it ${keys} left sh`)).toContain('typed\r\n')
    // The shell of the exec goes on too.
    expect((await it.ok('top', 'left')).trim().split('\n')).toHaveLength(3)
    await it.ok('rm', '-f', 'left')
  })
})
