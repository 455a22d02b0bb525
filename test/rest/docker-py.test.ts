import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasProgram, runClient } from '../helpers/client-process.ts'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const PYTHON = '/usr/bin/python3'
const hasDockerPy = hasDocker && hasProgram(PYTHON, ['-c', 'import docker'])
if (!hasDockerPy) process.stderr.write('docker-py skipped: there is no python3-docker or docker command\n')

const BEGIN = `
import docker, io, json, tarfile, threading, time
client = docker.from_env(timeout=30)
`

/** Each test is a script as its user would write it; an assertion that fails ends it with a traceback. */
describe.skipIf(!hasDockerPy)('docker-py against our socket', () => {
  let docker: DockerTest
  const run = async (script: string): Promise<string> => {
    const { code, stdout, stderr } = await runClient([PYTHON, '-c', BEGIN + script], {
      socket: docker.engine.config.socket,
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }

  beforeAll(async () => {
    docker = await startDocker()
  })
  afterAll(() => docker?.engine.destroy())

  test('run answers with output, or raises with the code and what stderr said', async () => {
    expect(
      await run(`
print(client.containers.run('test/box:1', ['echo', 'hello'], remove=True))
try:
    client.containers.run('test/box:1', ['sh', '-c', 'echo bad >&2; exit 3'], remove=True)
except docker.errors.ContainerError as error:
    print(error.exit_status, error.stderr)
try:
    client.api.create_container('no/such:1')
except docker.errors.ImageNotFound as error:
    print(error.explanation)
try:
    client.containers.get('nosuch')
except docker.errors.NotFound as error:
    print(error.explanation)
print(len(client.containers.list(all=True)))
`),
    ).toBe("b'hello\\n'\n3 b'bad\\n'\nNo such image: no/such:1\nNo such container: nosuch\n0\n")
  })

  test('logs stream until the container ends, with and without a terminal', async () => {
    // docker-py loses what it reads together with the head of an answer that it takes the socket of: it may have to ask again.
    const script = `
for tty in (False, True):
    box = client.containers.run('test/box:1', ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done'], detach=True, tty=tty)
    print([line for line in box.logs(stream=True, follow=True)] if not tty else b''.join(box.logs(stream=True)))
    print(box.wait()['StatusCode'], box.logs(tail=1), box.logs(stdout=False, stderr=True))
    print(next(filter(None, (box.attach(logs=True, stream=False) for _ in range(20)))))
    box.remove()
`
    expect(await run(script)).toBe(
      [
        "[b'1\\n', b'2\\n', b'3\\n']",
        "0 b'3\\n' b''",
        "b'1\\n2\\n3\\n'",
        "b'1\\r\\n2\\r\\n3\\r\\n'",
        "0 b'3\\r\\n' b''",
        "b'1\\r\\n2\\r\\n3\\r\\n'",
        '',
      ].join('\n'),
    )
  })

  test('exec_run: output, streams apart, a code, and a socket to talk over', async () => {
    expect(
      await run(`
box = client.containers.run('test/box:1', ['sleep', '600'], detach=True, environment={'A': 'b'}, working_dir='/tmp')
print(box.exec_run(['sh', '-c', 'echo $A; pwd; exit 4']))
print(box.exec_run(['sh', '-c', 'echo out; echo err >&2'], demux=True))
print(b''.join(box.exec_run(['sh', '-c', 'echo one; sleep 0.1; echo two'], stream=True).output))
print(box.exec_run(['id', '-u'], user='1000').output)
_, sock = box.exec_run(['cat'], stdin=True, socket=True)
raw = sock._sock
raw.sendall(b'typed')
raw.shutdown(1)
got = b''
while True:
    part = raw.recv(100)
    if not part: break
    got += part
print(got[8:])
made = client.api.exec_create(box.id, ['sh', '-c', 'exit 7'])
client.api.exec_start(made['Id'], detach=True)
while client.api.exec_inspect(made['Id'])['Running']: time.sleep(0.05)
print(client.api.exec_inspect(made['Id'])['ExitCode'])
box.remove(force=True)
`),
    ).toBe(
      [
        "ExecResult(exit_code=4, output=b'b\\n/tmp\\n')",
        "ExecResult(exit_code=0, output=(b'out\\n', b'err\\n'))",
        "b'one\\ntwo\\n'",
        "b'1000\\n'",
        "b'typed'",
        '7',
        '',
      ].join('\n'),
    )
  })

  test('attach_socket is the stdin and output of a container', async () => {
    expect(
      await run(`
box = client.containers.create('test/box:1', ['cat'], stdin_open=True)
sock = box.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})
box.start()
raw = sock._sock
raw.sendall(b'through')
print(raw.recv(8) + raw.recv(100))
raw.close()
box.remove(force=True)
`),
    ).toBe("b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x07through'\n")
  })

  test('networks and volumes are made, used and pruned', async () => {
    expect(
      await run(`
pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet='10.216.5.0/24', gateway='10.216.5.1')])
net = client.networks.create('pynet', driver='bridge', ipam=pool, labels={'a': 'b'}, check_duplicate=True)
vol = client.volumes.create('pyvol', labels={'a': 'b'})
one = client.containers.run('test/box:1', ['sh', '-c', 'echo kept > /data/f; sleep 600'], name='pyone', detach=True, network='pynet', volumes={'pyvol': {'bind': '/data', 'mode': 'rw'}})
two = client.containers.create('test/box:1', ['sleep', '600'], name='pytwo')
net.connect(two, aliases=['second'], ipv4_address='10.216.5.77')
two.start()
print(two.exec_run(['grep', '-c', '10.216.5.77', '/etc/hosts']).exit_code)
net.reload()
print(sorted(c.name for c in net.containers))
print(client.networks.list(names=['pynet'])[0].attrs['IPAM']['Config'])
net.disconnect(two)
while one.exec_run(['cat', '/data/f']).exit_code: time.sleep(0.05)
print(client.containers.run('test/box:1', ['cat', '/data/f'], remove=True, volumes=['pyvol:/data:ro']))
try:
    vol.remove()
except docker.errors.APIError as error:
    print(error.response.status_code, 'volume is in use' in error.explanation)
one.remove(force=True); two.remove(force=True)
print(client.networks.prune()['NetworksDeleted'], client.volumes.list(filters={'label': 'a=b'})[0].name)
vol.remove()
`),
    ).toBe(
      [
        '0',
        "['pyone', 'pytwo']",
        "[{'Subnet': '10.216.5.0/24', 'Gateway': '10.216.5.1'}]",
        "b'kept\\n'",
        '409 True',
        "['pynet'] pyvol",
        '',
      ].join('\n'),
    )
  })

  test('events are decoded as they happen and can be left', async () => {
    expect(
      await run(`
events = client.events(decode=True, filters={'type': 'container', 'label': 'watched'})
def work():
    client.containers.run('test/box:1', ['true'], remove=True)
    client.containers.run('test/box:1', ['true'], remove=True, labels=['watched'])
thread = threading.Thread(target=work); thread.start()
seen = []
for event in events:
    seen.append(event['Action'])
    if event['Action'] == 'destroy': break
events.close(); thread.join()
print(seen)
`),
    ).toBe("['create', 'start', 'die', 'destroy']\n")
  })

  test('archives go in and come out, and diff tells of it', async () => {
    expect(
      await run(`
box = client.containers.create('test/box:1', ['true'])
data = io.BytesIO()
with tarfile.open(fileobj=data, mode='w') as tar:
    info = tarfile.TarInfo('in.txt'); info.size = 5
    tar.addfile(info, io.BytesIO(b'cargo'))
print(box.put_archive('/tmp', data.getvalue()))
bits, stat = box.get_archive('/tmp/in.txt')
print(stat['name'], stat['size'])
with tarfile.open(fileobj=io.BytesIO(b''.join(bits))) as tar:
    print(tar.extractfile('in.txt').read())
print(box.diff())
print(len(b''.join(box.export())) > 100000)
box.remove()
`),
    ).toBe("True\nin.txt 5\nb'cargo'\n[{'Path': '/tmp', 'Kind': 0}, {'Path': '/tmp/in.txt', 'Kind': 1}]\nTrue\n")
  })

  test('stats come once and as a stream', async () => {
    expect(
      await run(`
box = client.containers.run('test/box:1', ['sleep', '600'], detach=True)
once = box.stats(stream=False)
print(once['name'] == '/' + box.name, once['pids_stats']['current'], once['precpu_stats']['system_cpu_usage'] > 0)
stream = box.stats(decode=True)
print([next(stream)['id'] == box.id, next(stream)['id'] == box.id])
stream.close()
box.remove(force=True)
`),
    ).toBe('True 1 True\n[True, True]\n')
  })

  test('images are listed, tagged, loaded and removed; the engine describes itself', async () => {
    const archive = path.join(docker.engine.config.root, 'box.tar')
    expect(
      await run(`
image = client.images.get('test/box:1')
print(image.tag('test/py', '2'), sorted(image.tags), image.short_id.startswith('sha256:'))
image.reload()
print(sorted(image.tags), len(image.history()) >= 0)
client.images.remove('test/py:2')
print([one.tags for one in client.images.load(open('${archive}', 'rb'))])
print(client.ping(), client.version()['ApiVersion'], client.info()['Images'], client.df()['Images'][0]['Id'] == image.id)
`),
    ).toBe("True ['test/box:1'] True\n['test/box:1', 'test/py:2'] True\n[['test/box:1']]\nTrue 1.51 1 True\n")
  })

  test('a container is stopped, renamed, waited for, restarted and pruned', async () => {
    expect(
      await run(`
box = client.containers.run('test/box:1', ['sh', '-c', 'trap "exit 9" TERM; while :; do sleep 0.05; done'], detach=True, name='pylife', auto_remove=False, restart_policy={'Name': 'on-failure', 'MaximumRetryCount': 1}, healthcheck={'test': ['CMD', 'true'], 'interval': 100000000})
while box.attrs['State'].get('Health', {}).get('Status') != 'healthy':
    time.sleep(0.05); box.reload()
box.rename('pyother')
box.stop(timeout=10)
print(box.wait()['StatusCode'])
box.restart(timeout=1); box.reload(); print(box.status, box.name)
box.kill(); box.wait(); box.reload(); print(box.status)
print(len(client.containers.prune()['ContainersDeleted']))
`),
    ).toBe('9\nrunning pyother\nexited\n1\n')
  })
})
