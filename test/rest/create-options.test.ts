import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!hasDocker)('what docker run and create ask for', () => {
  let it: DockerTest
  /** Output of a script in a new container. */
  const run = (flags: readonly string[], script: string) =>
    it.ok('run', '--rm', '--network', 'none', ...flags, 'test/box:1', 'sh', '-c', script)
  const refused = async (...flags: string[]) => {
    const { code, stderr } = await it.docker(['create', ...flags, 'test/box:1', 'true'])
    expect(code).not.toBe(0)
    return stderr.trim().replace('Error response from daemon: ', '')
  }
  const inspected = async (...flags: string[]) => {
    const { stdout } = await it.docker(['create', '--network', 'none', ...flags, 'test/box:1', 'true'])
    const id = stdout.trim()
    const [config] = JSON.parse(await it.ok('inspect', id)) as [{ HostConfig: Record<string, unknown> }]
    await it.ok('rm', id)
    return config.HostConfig
  }

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('--device gives a node of the host, by another name and read-only if asked', async () => {
    expect(
      await run(['--device', '/dev/zero:/dev/nought'], 'head -c 3 /dev/nought | wc -c; stat -c "%t:%T" /dev/nought'),
    ).toBe('3\n1:5\n')
    const missing = await it.docker(['run', '--rm', '--device', '/dev/nosuch', 'test/box:1', 'true'])
    expect(missing.code).toBe(127)
    expect(missing.stderr).toContain(
      'error gathering device information while adding custom device "/dev/nosuch": no such file or directory',
    )
    expect((await inspected('--device', '/dev/null:/dev/x:r'))['Devices']).toEqual([
      { PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'r' },
    ])
  })

  test('a hostname that would add a line to a file is refused at create, on any network', async () => {
    for (const network of ['bridge', 'none', 'host'])
      expect(await refused('--network', network, '--hostname', 'a\nb'), network).toContain('invalid hostname: "a\\nb"')
    expect(await it.ok('ps', '-aq')).toBe('')
  })

  test('a device cgroup rule lets a container make and open that device alone', async () => {
    if (it.mode === 'rootless') return
    const open = 'mknod /tmp/fuse c 10 229 && head -c 0 /tmp/fuse && echo opened'
    expect(await run(['--device-cgroup-rule', 'c 10:229 rwm'], open)).toBe('opened\n')
    const { stdout } = await it.docker(['run', '--rm', 'test/box:1', 'sh', '-c', `${open} 2>/dev/null || echo refused`])
    expect(stdout).toBe('refused\n')
    expect(
      (
        await it.ask(
          'POST',
          '/containers/create',
          JSON.stringify({ Image: 'test/box:1', Cmd: ['true'], HostConfig: { DeviceCgroupRules: ['x 1:1 r'] } }),
          { 'content-type': 'application/json' },
        )
      ).json,
    ).toEqual({
      message: "invalid device cgroup rule format: 'x 1:1 r'",
    })
  })

  test('--privileged has the devices of the host and no seccomp filter', async () => {
    const out = await run(['--privileged'], 'grep -E "^Seccomp:" /proc/self/status; ls /dev')
    expect(out).toContain('Seccomp:\t0')
    expect(out.split('\n')).toContain('kmsg')
  })

  test('--sysctl and --ulimit reach the process and every exec', async () => {
    const flags = [
      '--sysctl',
      'kernel.msgmax=9000',
      '--ulimit',
      'nofile=123:456',
      '--ulimit',
      'msgqueue=100:200',
      '--ulimit',
      'core=-1',
    ]
    const id = (await it.ok('run', '-d', '--rm', '--network', 'none', ...flags, 'test/box:1', 'sleep', '60')).trim()
    expect(await it.ok('exec', id, 'cat', '/proc/sys/kernel/msgmax')).toBe('9000\n')
    for (const pid of ['1', 'self']) {
      const limits = await it.ok('exec', id, 'grep', '-E', 'open files|core file|msgqueue', `/proc/${pid}/limits`)
      // Some builds of runc raise the number of files for what is run later.
      expect(limits).toMatch(pid === '1' ? /open files +123 +456/ : /open files +(123|456) +456/)
      expect(limits).toMatch(/msgqueue size +100 +200/)
      expect(limits).toMatch(/core file size +unlimited +unlimited/)
    }
    await it.ok('rm', '-f', id)
    const unknown = await it.docker([
      'run',
      '--rm',
      '--network',
      'host',
      '--sysctl',
      'net.core.somaxconn=1',
      'test/box:1',
      'true',
    ])
    expect(unknown.code).toBe(125)
    expect(unknown.stderr).toContain('sysctl "net.core.somaxconn" not allowed in host network namespace')
  })

  test('--security-opt: no new privileges, another seccomp profile or none, labels that mean nothing here', async () => {
    const status = (...flags: string[]) => run(flags, 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status')
    expect(await status('--security-opt', 'no-new-privileges')).toBe('NoNewPrivs:\t1\nSeccomp:\t2\n')
    expect(await status('--security-opt', 'seccomp=unconfined', '--security-opt', 'label=disable')).toBe(
      'NoNewPrivs:\t0\nSeccomp:\t0\n',
    )
    const profile = path.join(it.engine.config.root, 'profile.json')
    writeFileSync(
      profile,
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      }),
    )
    expect(await run(['--security-opt', `seccomp=${profile}`], 'mkdir /tmp/a 2>/dev/null || echo no')).toBe('no\n')
    expect(await refused('--security-opt', 'nosuch=1')).toContain('invalid --security-opt')
    writeFileSync(profile, '{"defaultAction": 1}')
    expect(await refused('--security-opt', `seccomp=${profile}`)).toContain('Decoding seccomp profile failed')
  })

  test('--volumes-from has the mounts of another container, read-only if asked', async () => {
    await it.ok('create', '--name', 'donor', '-v', 'cargo:/cargo', '-v', '/anonymous', 'test/box:1', 'true')
    await run(['--volumes-from', 'donor'], 'echo kept > /cargo/f; echo kept > /anonymous/f')
    expect(
      await run(['--volumes-from', 'donor:ro'], 'cat /cargo/f /anonymous/f; touch /cargo/g 2>/dev/null || echo ro'),
    ).toBe('kept\nkept\nro\n')
    expect(await refused('--volumes-from', 'nosuch')).toBe('No such container: nosuch')
    await it.ok('rm', '-v', 'donor')
    expect(await it.ok('volume', 'ls', '-q')).toBe('cargo\n')
    await it.ok('volume', 'rm', 'cargo')
  })

  test('--tmpfs and --mount type=tmpfs take size, mode and flags', async () => {
    const flags = [
      '--tmpfs',
      '/scratch:size=1m,mode=1750,exec',
      '--mount',
      'type=tmpfs,target=/other,tmpfs-size=2m,tmpfs-mode=0711',
    ]
    const out = await run(flags, 'stat -c %a /scratch /other; grep -E " /(scratch|other) " /proc/mounts')
    expect(out).toMatch(/^1750\n711\n/)
    expect(out).toMatch(/\/scratch tmpfs (?!.*noexec).*size=1024k/)
    expect(out).toMatch(/\/other tmpfs .*noexec.*size=2048k/)
    expect(await refused('--tmpfs', '/x:upperdir=/etc')).toBe('invalid tmpfs option ["upperdir=/etc"]')
  })

  test('--mount binds folders and files, read-only or not, and refuses what is missing', async () => {
    const folder = path.join(it.engine.config.root, 'bound')
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'file'), 'bound\n')
    const flags = [
      ...['--mount', `type=bind,source=${folder},target=/a,readonly`],
      ...['--mount', `type=bind,source=${folder}/file,target=/f`],
    ]
    expect(await run(flags, 'cat /a/file /f; touch /a/x 2>/dev/null || echo ro')).toBe('bound\nbound\nro\n')
    expect(await refused('--mount', `type=bind,source=${folder}/nosuch,target=/a`)).toBe(
      `invalid mount config for type "bind": bind source path does not exist: ${folder}/nosuch`,
    )
    // -v makes the folder instead.
    expect(await run(['-v', `${folder}/made/deep:/a`], 'echo new > /a/f')).toBe('')
    expect(readFileSync(path.join(folder, 'made/deep/f'), 'utf8')).toBe('new\n')
    expect(await refused('-v', `${folder}:/a`, '--mount', `type=bind,source=${folder},target=/a`)).toBe(
      'Duplicate mount point: /a',
    )
    expect(await refused('-v', `${folder}:/a:nosuch`)).toBe('invalid mode: nosuch')
  })

  test.skipIf(!isRoot)(
    'a shared folder passes on what is mounted below it, a slave takes it, and a private one is refused',
    async () => {
      const folder = path.join(it.engine.config.root, 'passing')
      const inside = (name: string) => path.join(folder, name)
      mkdirSync(inside('out'), { recursive: true })
      mkdirSync(inside('in'))
      execFileSync('mount', ['-t', 'tmpfs', 'passing', folder])
      execFileSync('mount', ['--make-private', folder])
      const shared = ['--privileged', '-v', `${folder}:/a:rshared`]
      try {
        const { stderr } = await it.docker(['run', '--rm', ...shared, 'test/box:1', 'true'])
        expect(stderr).toContain(`path ${folder} is mounted on ${folder} but it is not a shared mount`)
        execFileSync('mount', ['--make-shared', folder])
        for (const name of ['out', 'in']) mkdirSync(inside(name))
        await run(shared, 'mount -t tmpfs out /a/out && touch /a/out/here')
        expect(existsSync(inside('out/here'))).toBe(true)
        await it.ok('run', '-d', '--name', 'taker', '-v', `${folder}:/a:rslave`, 'test/box:1', 'sleep', '1000')
        execFileSync('mount', ['-t', 'tmpfs', 'in', inside('in')])
        writeFileSync(inside('in/there'), '')
        expect(await it.ok('exec', 'taker', 'ls', '/a/in')).toBe('there\n')
        await it.ok('rm', '--force', 'taker')
      } finally {
        spawnSync('umount', ['--recursive', folder])
      }
    },
  )

  test('a volume is mounted without a copy, or a part of it, which no link in it leads astray', async () => {
    await it.ok('volume', 'create', 'parts')
    const etc = 'ls /v | grep -c passwd'
    expect(
      await run(['--mount', 'type=volume,source=parts,target=/etc,volume-nocopy'], 'ls /etc | grep -c passwd || true'),
    ).toBe('0\n')
    await run(
      ['-v', 'parts:/v'],
      'mkdir -p /v/in/deep; echo part > /v/in/deep/f; ln -s /etc /v/out; ln -s in /v/inside',
    )
    const part = (subpath: string) => ['--mount', `type=volume,source=parts,target=/v,volume-subpath=${subpath}`]
    expect(await run(part('in/deep'), 'cat /v/f; echo more > /v/g')).toBe('part\n')
    expect(await run(part('inside/deep/g'), 'cat /v')).toBe('more\n')
    const astray = await it.docker(['run', '--rm', ...part('out'), 'test/box:1', 'sh', '-c', etc])
    expect(astray.code).toBe(127)
    expect(astray.stderr).toContain('cannot access path out of the volume')
    await it.ok('volume', 'rm', 'parts')
  })

  test('--shm-size, --group-add, --hostname, --domainname, --init and --read-only', async () => {
    expect(await run(['--shm-size', '3m'], 'grep " /dev/shm " /proc/mounts')).toContain('size=3072k')
    expect(await run(['--group-add', 'crew', '--group-add', '3000', '--user', 'ann'], 'id -G')).toBe('1000 2000 3000\n')
    if (it.mode === 'rootful')
      expect(
        await run(['--hostname', 'here', '--domainname', 'example.test'], 'hostname; cat /proc/sys/kernel/domainname'),
      ).toBe('here\nexample.test\n')
    expect(await run(['--init'], 'tr "\\0" " " < /proc/1/cmdline')).toContain('/sbin/docker-init -- sh -c')
    expect(
      await run(['--read-only', '--tmpfs', '/tmp'], 'touch /x 2>/dev/null || echo ro; touch /tmp/x && echo rw'),
    ).toBe('ro\nrw\n')
  })

  test('logs rotate by --log-opt, are kept by local, and not kept by none', async () => {
    const id = (
      await it.ok(
        'run',
        '-d',
        '--log-opt',
        'max-size=20k',
        '--log-opt',
        'max-file=2',
        'test/box:1',
        'sh',
        '-c',
        'i=0; while [ $i -lt 60 ]; do seq 1 100; i=$((i+1)); sleep 0.02; done; echo last',
      )
    ).trim()
    await it.ok('wait', id)
    const log = await it.ok('logs', id)
    expect(log.endsWith('last\n')).toBe(true)
    expect(log.length).toBeLessThan(6000 * 3)
    await it.ok('rm', id)
    for (const [driver, flags] of [
      ['local', []],
      ['json-file', ['--log-opt', 'compress=true']],
    ] as const) {
      const one = (await it.ok('run', '-d', '--log-driver', driver, ...flags, 'test/box:1', 'echo', 'said')).trim()
      await it.ok('wait', one)
      expect(await it.ok('logs', one)).toBe('said\n')
      await it.ok('rm', one)
    }
    const silent = await it.docker(['run', '--name', 'silent', '--log-driver', 'none', 'test/box:1', 'echo', 'heard'])
    expect(silent.stdout).toBe('heard\n')
    expect((await it.docker(['logs', 'silent'])).stderr).toContain('configured logging driver does not support reading')
    await it.ok('rm', 'silent')
    expect(await refused('--log-driver', 'syslog')).toContain("no log driver named 'syslog'")
    expect(await refused('--log-opt', 'nosuch=1')).toBe("unknown log opt 'nosuch' for json-file log driver")
  })

  test('limits reach the control group; without one each is warned of', async () => {
    const flags = [
      ...['--memory', '64m', '--memory-swap', '96m', '--memory-reservation', '32m', '--oom-kill-disable'],
      ...[
        '--cpu-shares',
        '512',
        '--cpu-period',
        '50000',
        '--cpu-quota',
        '25000',
        '--cpuset-cpus',
        '0',
        '--pids-limit',
        '50',
      ],
    ]
    const made = await it.docker([
      'create',
      '--name',
      'limited',
      '--network',
      'none',
      ...flags,
      'test/box:1',
      'sleep',
      '60',
    ])
    expect(made.code).toBe(0)
    if (it.mode === 'rootless') {
      for (const what of [
        'memory limit',
        'memory soft limit',
        'OomKillDisable',
        'CPU CFS scheduler',
        'CPU shares',
        'cpuset',
        'PIDs limit',
      ])
        expect(made.stderr).toContain(`Your kernel does not support ${what}`)
    } else {
      expect(made.stderr).toBe('')
      await it.ok('start', 'limited')
      const pid = (await it.ok('inspect', '-f', '{{.State.Pid}}', 'limited')).trim()
      const read = cgroupReader(pid)
      expect(read('memory', 'memory.limit_in_bytes')).toBe(String(64 << 20))
      expect(read('memory', 'memory.memsw.limit_in_bytes')).toBe(String(96 << 20))
      expect(read('memory', 'memory.soft_limit_in_bytes')).toBe(String(32 << 20))
      expect(read('memory', 'memory.oom_control')).toContain('oom_kill_disable 1')
      expect(read('cpu', 'cpu.shares')).toBe('512')
      expect(read('cpu', 'cpu.cfs_period_us')).toBe('50000')
      expect(read('cpu', 'cpu.cfs_quota_us')).toBe('25000')
      expect(read('cpuset', 'cpuset.cpus')).toBe('0')
      expect(read('pids', 'pids.max')).toBe('50')
    }
    await it.ok('rm', '-f', 'limited')
  })

  test('senseless limits are refused in words', async () => {
    expect(await refused('--memory', '1m')).toBe('Minimum memory limit allowed is 6MB')
    expect(await refused('--memory', '64m', '--memory-swap', '32m')).toContain('memoryswap limit should be larger')
    expect(await refused('--cpus', '1000')).toContain('Range of CPUs is from 0.01 to')
    expect(await refused('--cpuset-cpus', '999')).toContain('Requested CPUs are not available')
    expect(await refused('--cpuset-cpus', 'a-b')).toBe('Invalid value a-b for cpuset cpus')
    expect(await refused('--oom-score-adj', '2000')).toBe(
      'Invalid value 2000, range for oom score adj is [-1000, 1000]',
    )
    expect(await refused('--rm', '--restart', 'always')).toContain('onflicting')
  })

  test('--oom-score-adj may be raised', async () => {
    expect(await run(['--oom-score-adj', '700'], 'cat /proc/self/oom_score_adj')).toBe('700\n')
  })

  test('namespaces are shared with the host or with a container that runs', async () => {
    const own = (name: string) => `/proc/self/ns/${name}`
    await it.ok('run', '-d', '--name', 'lender', '--network', 'none', '--ipc', 'shareable', 'test/box:1', 'sleep', '60')
    const links = async (name: string) => (await it.ok('exec', 'lender', 'readlink', own(name))).trim()
    const [pid, ipc] = [await links('pid'), await links('ipc')]
    expect(
      await run(
        ['--pid', 'container:lender', '--ipc', 'container:lender'],
        `readlink ${own('pid')}; readlink ${own('ipc')}; ps | grep -v grep | grep -c "60$"`,
      ),
    ).toMatch(new RegExp(`^${literal(pid)}\n${literal(ipc)}\n1\n$`))
    await it.ok('exec', 'lender', 'sh', '-c', 'echo shared > /dev/shm/f')
    expect(await run(['--ipc', 'container:lender'], 'cat /dev/shm/f')).toBe('shared\n')
    expect(await run(['--ipc', 'private'], 'ls /dev/shm')).toBe('')
    expect(await run(['--ipc', 'none'], 'grep -c " /dev/shm " /proc/mounts || true')).toBe('0\n')
    expect(await run(['--uts', 'host'], 'hostname')).toBe(`${os.hostname()}\n`)
    expect(await run(['--pid', 'host'], `ls -d /proc/${process.pid}`)).toBe(`/proc/${process.pid}\n`)
    await it.ok('run', '-d', '--name', 'keeps', '--network', 'none', 'test/box:1', 'sleep', '60')
    const refusal = await it.docker(['run', '--rm', '--ipc', 'container:keeps', 'test/box:1', 'true'])
    expect(refusal.stderr).toContain('non-shareable IPC (hint: use IpcMode:shareable for the donor container)')
    await it.ok('rm', '-f', 'keeps', 'lender')
    expect(await refused('--pid', 'container:nosuch')).toBe('No such container: nosuch')
    expect(await refused('--uts', 'host', '--hostname', 'x')).toContain(
      'conflicting options: hostname and the UTS mode',
    )
  })

  test('inspect says every setting as it was asked for', async () => {
    const host = await inspected(
      ...[
        '--cgroup-parent',
        '/shelf',
        '--userns',
        'host',
        '--cgroupns',
        'private',
        '--pid',
        'host',
        '--ipc',
        'shareable',
      ],
      ...['--ulimit', 'nofile=1:2', '--sysctl', 'net.core.somaxconn=7', '--group-add', '5', '--shm-size', '1m'],
      ...[
        '--log-driver',
        'local',
        '--log-opt',
        'max-file=2',
        '--security-opt',
        'no-new-privileges',
        '--oom-score-adj',
        '5',
      ],
      ...['--tmpfs', '/t:size=1m', '-v', '/tmp:/b:ro', '--annotation', 'a=b'],
    )
    expect(host).toMatchObject({
      CgroupParent: '/shelf',
      UsernsMode: 'host',
      CgroupnsMode: 'private',
      PidMode: 'host',
      IpcMode: 'shareable',
      Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
      Sysctls: { 'net.core.somaxconn': '7' },
      GroupAdd: ['5'],
      ShmSize: 1024 * 1024,
      LogConfig: { Type: 'local', Config: { 'max-file': '2' } },
      SecurityOpt: ['no-new-privileges'],
      OomScoreAdj: 5,
      Tmpfs: { '/t': 'size=1m' },
      Binds: ['/tmp:/b:ro'],
      Annotations: { a: 'b' },
    })
  })

  test('what this engine does not do is refused by name', async () => {
    expect(await refused('--storage-opt', 'size=1G')).toBe('--storage-opt is not implemented here')
    expect(await refused('--runtime', 'nosuch')).toContain('unknown or invalid runtime name: nosuch')
  })
})

const literal = (text: string) => text.replace(/[[\]]/g, '\\$&')

/** Reads files of a process's control groups on a v1 layout. */
function cgroupReader(pid: string) {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  return (controller: string, file: string) => {
    const line = groups.find((one) => one.split(':')[1]?.split(',').includes(controller)) ?? ''
    return readFileSync(`/sys/fs/cgroup/${controller}${line.split(':')[2]}/${file}`, 'utf8').trim()
  }
}
