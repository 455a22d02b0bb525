import { execFile } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

describe.skipIf(!hasDocker)('the life of containers by docker', () => {
  let it: DockerTest
  const run = (...args: string[]) => it.ok('run', '-d', '--network', 'none', ...args)
  const state = async (name: string, what: string) => (await it.ok('inspect', '-f', `{{.State.${what}}}`, name)).trim()
  const shell = (script: string, input = '') =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { ...process.env, DOCKER_HOST: `unix://${it.engine.config.socket}` }
      const child = execFile('sh', ['-c', script], { env, timeout: 60_000, maxBuffer: 1e8 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      )
      child.stdin?.end(input)
    })

  /** A container in the back-off of its restart policy: from the fourth on, a second and more lies between two starts. */
  const startLoop = async () => {
    await run('--name', 'loop', '--restart', 'always', 'test/box:1', 'sh', '-c', 'exit 5')
    const starts = async () => {
      const { json } = await it.ask('GET', '/containers/loop/json')
      return (json['State'] as { Status: string }).Status === 'restarting' ? Number(json['RestartCount']) : 0
    }
    await waitUntil(async () => {
      const before = await starts()
      // A start that is under way is over by then.
      await new Promise((resolve) => setTimeout(resolve, 400))
      return before >= 4 && (await starts()) === before
    })
  }

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('top says what ps says of the container alone', async () => {
    await run('--name', 'busy', 'test/box:1', 'sh', '-c', 'sleep 111 & sleep 222')
    await waitUntil(async () => (await it.ok('top', 'busy')).includes('sleep 111'))
    const table = (await it.ok('top', 'busy')).trim().split('\n')
    expect(table[0]).toMatch(/^UID +PID +PPID/)
    expect(
      table
        .slice(1)
        .map((row) => row.replace(/^.*\d\d:\d\d:\d\d +/, ''))
        .sort(),
    ).toEqual(['sleep 111', 'sleep 222'])
    expect((await it.ok('top', 'busy', '-o', 'pid,comm')).split('\n')[0]?.trim()).toMatch(/^PID +COMMAND$/)
    expect((await it.docker(['top', 'busy', '--nosuch'])).stderr).toContain('ps:')
    await it.ok('rm', '-f', 'busy')
    await it.ok('create', '--name', 'idle', 'test/box:1', 'true')
    expect((await it.docker(['top', 'idle'])).stderr).toMatch(/container [0-9a-f]{64} is not running/)
    await it.ok('rm', 'idle')
  })

  test('update changes limits of a running container and its restart policy', async () => {
    await run('--name', 'grown', '--memory', '64m', 'test/box:1', 'sleep', '60')
    const { stdout, stderr } = await it.docker([
      'update',
      '--memory',
      '128m',
      '--memory-swap',
      '256m',
      '--restart',
      'on-failure:3',
      'grown',
    ])
    expect(stdout).toMatch(/^grown\n/)
    const [detail] = JSON.parse(await it.ok('inspect', 'grown'))
    expect(detail.HostConfig.RestartPolicy).toEqual({ Name: 'on-failure', MaximumRetryCount: 3 })
    if (it.mode === 'rootful') {
      expect(detail.HostConfig.Memory).toBe(128 << 20)
      const groups = fs.readFileSync(`/proc/${detail.State.Pid}/cgroup`, 'utf8')
      const group = /^\d+:memory:(.*)$/m.exec(groups)?.[1]
      if (group)
        expect(fs.readFileSync(`/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`, 'utf8').trim()).toBe(
          String(128 << 20),
        )
    } else expect(stdout + stderr).toContain('Your kernel does not support memory limit')
    expect((await it.docker(['update', '--memory', '1m', 'grown'])).stderr).toContain(
      'Minimum memory limit allowed is 6MB',
    )
    await it.ok('rm', '-f', 'grown')
  })

  test('wait answers at the next exit, when it does not run, or when it is removed', async () => {
    expect((await it.ask('POST', '/containers/nosuch/wait')).status).toBe(404)
    await it.ok('create', '--name', 'wt', '--network', 'none', 'test/box:1', 'sh', '-c', 'exit 3')
    expect((await it.ask('POST', '/containers/wt/wait?condition=odd')).status).toBe(400)
    expect((await it.ask('POST', '/containers/wt/wait')).json).toEqual({ StatusCode: 0 })
    const next = it.ask('POST', '/containers/wt/wait?condition=next-exit')
    const removed = it.ask('POST', '/containers/wt/wait?condition=removed')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await it.ok('start', 'wt')
    expect((await next).json).toEqual({ StatusCode: 3 })
    expect((await it.ask('POST', '/containers/wt/wait')).json).toEqual({ StatusCode: 3 })
    await it.ok('rm', 'wt')
    expect((await removed).json).toEqual({ StatusCode: 3 })
    await run('--name', 'again', '--restart', 'on-failure:2', 'test/box:1', 'sh', '-c', 'exit 5')
    expect(await it.ok('wait', 'again')).toBe('5\n')
    expect(await it.ok('inspect', '-f', '{{.RestartCount}}', 'again')).toBe('2\n')
    await it.ok('rm', 'again')
  })

  test('wait answers when one that was to be restarted is stopped, or fails to start', async () => {
    await startLoop()
    const stopped = ['not-running', 'next-exit'].map((condition) =>
      it.ask('POST', `/containers/loop/wait?condition=${condition}`),
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await it.ask('POST', '/containers/loop/stop')).status).toBe(204)
    for (const answer of await Promise.all(stopped)) expect(answer.json).toEqual({ StatusCode: 5 })
    await it.ok('rm', 'loop')

    await it.ok('create', '--name', 'once', '--network', 'none', '--restart', 'always', 'test/box:1', '/once')
    const once = path.join(it.engine.config.root, 'once')
    fs.writeFileSync(once, '#!/bin/sh\nrm /once; sleep 1; exit 3\n', { mode: 0o755 })
    await it.ok('cp', once, 'once:/once')
    await it.ok('start', 'once')
    const failed = it.ask('POST', '/containers/once/wait')
    expect((await failed).json).toEqual({ StatusCode: 127 })
    await it.ok('rm', 'once')
  })

  test('one that waits for its next start is not removed without force, and a kill ends the loop', async () => {
    await startLoop()
    const removal = await it.ask('DELETE', '/containers/loop')
    expect(removal.status).toBe(409)
    expect(removal.json['message']).toContain(
      'container is restarting: stop the container before removing or force remove',
    )
    expect((await it.ask('POST', '/containers/loop/kill')).status).toBe(204)
    expect(await state('loop', 'Status')).toBe('exited')
    await it.ok('start', 'loop')
    await it.ok('rm', '-f', 'loop')
  })

  test('restart keeps what is removed when it stops, until it stops', async () => {
    await run('--rm', '--name', 'brief', 'test/box:1', 'sleep', '60')
    const before = await state('brief', 'Pid')
    await it.ok('restart', '-t', '0', 'brief')
    expect(await state('brief', 'Running')).toBe('true')
    expect(await state('brief', 'Pid')).not.toBe(before)
    await it.ok('stop', '-t', '0', 'brief')
    await waitUntil(async () => (await it.docker(['inspect', 'brief'])).code !== 0)
  })

  test('ps filters by every key, sorts, limits and measures', async () => {
    await it.ok('create', '--name', 'old', '--label', 'a=1', '-p', '127.0.0.1::80', 'test/box:1', 'true')
    await run(
      '--name',
      'mid',
      '--label',
      'a=2',
      '-v',
      'disk:/disk',
      'test/box:1',
      'sh',
      '-c',
      'dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; sleep 60',
    )
    await it
      .ok('run', '--name', 'new', '--network', 'none', '--label', 'b', 'test/box:1', 'sh', '-c', 'exit 4')
      .catch(() => {})
    const names = async (...filters: string[]) =>
      (await it.ok('ps', '-a', '--format', '{{.Names}}', ...filters.flatMap((one) => ['--filter', one])))
        .trim()
        .split('\n')
        .filter(Boolean)
    expect(await names()).toEqual(['new', 'mid', 'old'])
    expect(await names('since=old')).toEqual(['new', 'mid'])
    expect(await names('before=new', 'since=old')).toEqual(['mid'])
    expect(await names('status=created')).toEqual(['old'])
    expect(await names('status=created', 'status=exited')).toEqual(['new', 'old'])
    expect(await names('exited=4')).toEqual(['new'])
    expect(await names('label=a')).toEqual(['mid', 'old'])
    expect(await names('label=a=2')).toEqual(['mid'])
    expect(await names('name=^/m')).toEqual(['mid'])
    expect(await names('volume=disk')).toEqual(['mid'])
    expect(await names('network=bridge')).toEqual(['old'])
    expect(await names('ancestor=test/box:1', 'expose=80')).toEqual(['old'])
    await it.ok('create', '--name', 'told', '--expose', '81', 'test/box:1', 'true')
    expect(await names('expose=80-81')).toEqual(['told', 'old'])
    await it.ok('rm', 'told')
    expect(await names('ancestor=test/nosuch')).toEqual([])
    expect(await names('health=none', 'is-task=false')).toEqual(['new', 'mid', 'old'])
    expect((await it.ok('ps', '-n', '2', '-q')).trim().split('\n')).toHaveLength(2)
    expect((await it.docker(['ps', '--filter', 'status=odd'])).stderr).toContain("invalid filter 'status=odd'")
    expect((await it.docker(['ps', '--filter', 'since=nosuch'])).stderr).toContain('No such container: nosuch')
    await waitUntil(
      async () => /\b3\.\d+MB \(virtual/.test(await it.ok('ps', '-a', '-s', '--format', '{{.Size}}')),
      'the size of what was written',
    )
    await it.ok('rm', '-f', 'mid', 'old', 'new')
  })

  test('events tells what has been since a time, and ends at one without waiting for another event', async () => {
    const begun = Date.now() / 1000
    await it.ok('create', '--name', 'since', 'test/box:1', 'true')
    await it.ok('rm', 'since')
    const events = async (...args: string[]) =>
      (await it.ok('events', '--filter', 'container=since', '--format', '{{.Action}}', ...args))
        .split('\n')
        .filter(Boolean)
    // The command gives a time that is an age in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(await events('--since', '1h', '--until', '0s')).toEqual(['create', 'destroy'])
    expect(await events('--until', String(begun))).toEqual([])
    const soon = String(Date.now() / 1000 + 2)
    expect(await events('--since', String(begun), '--until', soon)).toEqual(['create', 'destroy'])
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(Number(soon))
    expect((await it.ask('GET', '/events?since=5&until=4')).status).toBe(400)
    expect((await it.ask('GET', '/events?since=soon')).status).toBe(400)
  })

  test('rename keeps to the rules', async () => {
    await it.ok('create', '--name', 'first', 'test/box:1', 'true')
    await it.ok('create', '--name', 'second', 'test/box:1', 'true')
    expect((await it.docker(['rename', 'first', 'second'])).stderr).toContain(
      'Conflict. The container name "/second" is already in use',
    )
    expect((await it.docker(['rename', 'first', 'first'])).stderr).toContain(
      'Renaming a container with the same name as its current name',
    )
    expect((await it.docker(['rename', 'first', 'a b'])).stderr).toContain('Invalid container name')
    await it.ok('rename', 'first', 'third')
    expect(await it.ok('ps', '-a', '--format', '{{.Names}}')).toBe('second\nthird\n')
    await it.ok('rm', 'second', 'third')
  })

  test('container prune and system prune remove what has stopped, and say how much that was', async () => {
    await run('--name', 'lives', '--label', 'keep', 'test/box:1', 'sleep', '60')
    await it.ok(
      'run',
      '--network',
      'none',
      '--label',
      'keep',
      '--name',
      'kept',
      'test/box:1',
      'dd',
      'if=/dev/zero',
      'of=/f',
      'bs=1M',
      'count=2',
    )
    await it.ok('create', '--name', 'gone', 'test/box:1', 'true')
    expect(await it.ok('container', 'prune', '-f', '--filter', 'label!=keep')).toMatch(
      /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /,
    )
    expect(await it.ok('container', 'prune', '-f', '--filter', 'until=1h')).toBe('Total reclaimed space: 0B\n')
    expect(await it.ok('container', 'prune', '-f')).toMatch(/reclaimed space: 2\.\d+MB/)
    expect(await it.ok('ps', '-a', '--format', '{{.Names}}')).toBe('lives\n')
    await it.ok('rm', '-f', 'lives')
  })

  test('attach shows what was said before, and leaves by its keys without stopping anything', async () => {
    await run('--name', 'talks', '-it', 'test/box:1', 'sh', '-c', 'echo before; read line; echo "read $line"; sleep 60')
    await waitUntil(async () => (await it.ok('logs', 'talks')).includes('before'))
    const client = await hijack(
      it,
      '/containers/talks/attach?stream=1&stdin=1&stdout=1&stderr=1&logs=1&detachKeys=ctrl-a,x',
    )
    await waitUntil(() => client.text().includes('before'))
    client.socket.write('hel\x01lo\n')
    await waitUntil(() => client.text().includes('read hel\x01lo'))
    client.socket.write('\x01x')
    await client.closed
    expect(await state('talks', 'Running')).toBe('true')
    expect((await it.ask('POST', '/containers/talks/attach?stream=1&stdin=1&stdout=1&detachKeys=odd-x')).status).toBe(
      400,
    )
    // The stock command leaves by ctrl-p ctrl-q too.
    const left = await shell(`(sleep 1; printf '\\020\\021') | script -qec 'docker attach talks' /dev/null`)
    expect(left.stdout).toContain('read escape sequence')
    expect(await state('talks', 'Running')).toBe('true')
    await it.ok('pause', 'talks').catch(() => {})
    if ((await state('talks', 'Paused')) === 'true') {
      expect((await it.docker(['attach', 'talks'])).stderr).toContain('paused')
      await it.ok('unpause', 'talks')
    }
    await it.ok('rm', '-f', 'talks')
  })

  test('a terminal has the size that a client gives it', async () => {
    await run('--name', 'wide', '-it', 'test/box:1', 'sleep', '60')
    expect((await it.ask('POST', '/containers/wide/resize?w=123&h=45')).status).toBe(200)
    await waitUntil(
      async () => (await it.ok('exec', 'wide', 'stty', '-F', '/dev/pts/0', 'size').catch(() => '')).trim() === '45 123',
    )
    expect((await it.ask('POST', '/containers/wide/resize?w=a&h=45')).status).toBe(400)
    await it.ok('rm', '-f', 'wide')
    await it.ok('create', '--name', 'wide', 'test/box:1', 'true')
    expect((await it.ask('POST', '/containers/wide/resize?w=123&h=45')).status).toBe(409)
    await it.ok('rm', 'wide')
  })

  test('a slow client loses nothing, of run and of exec', async () => {
    const big = 'dd if=/dev/zero bs=1M count=30 2>/dev/null'
    const { stdout } = await shell(`docker run --rm --network none test/box:1 ${big} | (sleep 1.5; wc -c)`)
    expect(stdout.trim()).toBe(String(30 << 20))
    await run('--name', 'source', 'test/box:1', 'sleep', '60')
    const exec = await shell(`docker exec source ${big} | (sleep 1.5; wc -c)`)
    expect(exec.stdout.trim()).toBe(String(30 << 20))
    const input = await shell(`head -c 20000000 /dev/zero | docker exec -i source sh -c 'sleep 1; wc -c'`)
    expect(input.stdout.trim()).toBe('20000000')
    await it.ok('rm', '-f', 'source')
  })

  test('exec has an environment, a folder, a user, privileges and a pid of its own, or nobody who watches', async () => {
    await run('--name', 'host', '-e', 'A=1', '--workdir', '/tmp', 'test/box:1', 'sleep', '60')
    expect(
      await it.ok('exec', '-e', 'A=2', '-e', 'B=3', '-w', '/etc', 'host', 'sh', '-c', 'echo $A $B; ls passwd'),
    ).toBe('2 3\npasswd\n')
    expect(await it.ok('exec', '-u', 'ann:crew', 'host', 'id')).toContain('uid=1000(ann) gid=2000(crew)')
    const caps = async (...flags: string[]) =>
      (await it.ok('exec', ...flags, 'host', 'grep', 'CapEff', '/proc/self/status')).split('\t')[1]?.trim()
    expect(await caps()).toBe('00000000a80425fb')
    expect(Number.parseInt((await caps('--privileged')) ?? '', 16)).toBeGreaterThan(0xa80425fb)
    expect((await it.docker(['exec', 'host', 'sh', '-c', 'exit 9'])).code).toBe(9)
    expect((await it.docker(['exec', 'host', 'nosuch'])).code).toBe(127)
    expect((await it.docker(['exec', 'host', '/etc'])).code).toBe(126)
    expect((await it.docker(['exec', '-d', 'host', 'nosuch'])).stderr).toContain('executable file not found in $PATH')
    await it.ok('exec', '-d', 'host', 'sh', '-c', 'echo done > /tmp/mark; sleep 300')
    await waitUntil(async () => (await it.docker(['exec', 'host', 'cat', '/tmp/mark'])).stdout === 'done\n')
    const json = { 'content-type': 'application/json' }
    const made = await it.ask('POST', '/containers/host/exec', JSON.stringify({ Cmd: ['sleep', '301'] }), json)
    const id = String(made.json['Id'])
    await it.ask('POST', `/exec/${id}/start`, JSON.stringify({ Detach: true }), json)
    const { json: detail } = await it.ask('GET', `/exec/${id}/json`)
    expect(detail).toMatchObject({ Running: true, ExitCode: null })
    // For a moment it is still the runtime that becomes it.
    await waitUntil(() => fs.readFileSync(`/proc/${detail['Pid']}/cmdline`, 'utf8') === 'sleep\u0000301\u0000')
    expect((await it.ask('POST', `/exec/${id}/start`, '{}', json)).status).toBe(409)
    await it.ok('rm', '-f', 'host')
    expect((await it.docker(['exec', 'host', 'true'])).stderr).toContain('No such container: host')
    await it.ok('create', '--name', 'host', 'test/box:1', 'true')
    expect((await it.docker(['exec', 'host', 'true'])).stderr).toMatch(/container [0-9a-f]{64} is not running/)
    await it.ok('rm', 'host')
  })

  test('start -a -i gives input and takes output, and starts several', async () => {
    await it.ok('create', '--name', 'cat', '-i', '--network', 'none', 'test/box:1', 'cat')
    expect(await shell('docker start -a -i cat', 'typed\n')).toEqual({ code: 0, stdout: 'typed\n', stderr: '' })
    expect(await shell('docker start -a -i cat', 'once more\n')).toEqual({ code: 0, stdout: 'once more\n', stderr: '' })
    await it.ok('create', '--name', 'seven', '--network', 'none', 'test/box:1', 'sh', '-c', 'exit 7')
    expect((await it.docker(['start', '-a', 'seven'])).code).toBe(7)
    expect(await it.ok('start', 'cat', 'seven')).toBe('cat\nseven\n')
    const half = await it.docker(['start', 'seven', 'nosuch'])
    expect(half).toMatchObject({ code: 1, stdout: 'seven\n' })
    expect(half.stderr).toContain('No such container: nosuch')
    await it.ok('rm', '-f', 'cat', 'seven')
  })

  test('stdin that is opened for many outlives the first client', async () => {
    await run('--name', 'many', '-i', 'test/box:1', 'cat')
    await shell('docker attach many & sleep 0.5; kill -9 $!', '')
    expect(await shell('(echo second; sleep 0.5) | timeout -s KILL 1 docker attach many; true')).toMatchObject({
      stdout: 'second\n',
    })
    expect(await state('many', 'Running')).toBe('true')
    await it.ok('rm', '-f', 'many')
  })

  test('run writes its id to a file, and its codes say who failed', async () => {
    const file = path.join(it.engine.config.root, 'cid')
    const id = (await it.ok('run', '-d', '--cidfile', file, '--network', 'none', 'test/box:1', 'true')).trim()
    expect(fs.readFileSync(file, 'utf8')).toBe(id)
    expect((await it.docker(['run', '--cidfile', file, 'test/box:1', 'true'])).stderr).toContain(
      'container ID file found',
    )
    await it.ok('wait', id)
    await it.ok('rm', id)
    const codes: [string[], number, string][] = [
      [['--rm', 'test/nosuch:9', 'true'], 125, "Unable to find image 'test/nosuch:9' locally"],
      [['--rm', '--network', 'nosuch', 'test/box:1', 'true'], 125, 'network nosuch not found'],
      [
        ['--rm', 'test/box:1', '/etc'],
        126,
        'OCI runtime create failed: runc create failed: unable to start container process: exec: "/etc"',
      ],
      [['--rm', 'test/box:1', 'nosuch'], 127, 'exec: "nosuch": executable file not found in $PATH: unknown'],
      [['--rm', '--init', '--network', 'none', 'test/box:1', 'sh', '-c', 'kill -9 $$'], 137, ''],
      [['--rm', '--network', 'none', 'test/box:1', 'false'], 1, ''],
    ]
    for (const [args, code, text] of codes) {
      const outcome = await it.docker(['run', ...args])
      expect(outcome.code, args.join(' ')).toBe(code)
      expect(outcome.stderr, args.join(' ')).toContain(text)
    }
    expect(await it.ok('ps', '-a', '--format', '{{.Command}} {{.Status}}')).toBe('')
  })

  test('stop takes another signal and a time', async () => {
    await run(
      '--name',
      'stubborn',
      '--init',
      'test/box:1',
      'sh',
      '-c',
      'trap "" TERM; trap "exit 5" USR1; echo ready; while true; do sleep 0.1; done',
    )
    await waitUntil(async () => (await it.ok('logs', 'stubborn')).includes('ready'))
    await it.ok('stop', '-s', 'USR1', '-t', '20', 'stubborn')
    expect(await state('stubborn', 'ExitCode')).toBe('5')
    await it.ok('start', 'stubborn')
    await waitUntil(async () => (await it.ok('logs', 'stubborn')).split('ready').length === 3)
    await it.ok('stop', '-t', '0', 'stubborn')
    expect(await state('stubborn', 'ExitCode')).toBe('137')
    expect((await it.docker(['kill', 'stubborn'])).stderr).toContain('is not running')
    await it.ok('rm', 'stubborn')
  })
})

/** A taken-over connection. */
async function hijack(it: DockerTest, target: string) {
  const socket = net.connect(it.engine.config.socket)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.write(
    `POST ${target} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
  )
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.on('end', () => socket.end())
  await waitUntil(() => text.includes('\r\n\r\n'))
  expect(text).toMatch(/^HTTP\/1.1 101 UPGRADED/)
  return { socket, closed, text: () => text }
}
