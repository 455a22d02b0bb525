import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { MountSpec, ResourceLimits } from '../../../engine/contract/container.ts'
import { DEFAULT_CAPABILITIES, parseCapabilityMask, resolveCapabilities } from '../../../engine/runtime/capabilities.ts'
import { lockedFlags, rootPropagation } from '../../../engine/runtime/mount-info.ts'
import { compileSeccomp, withoutUnusedArchitectures } from '../../../engine/runtime/seccomp.ts'
import { buildSpec, type SpecInput } from '../../../engine/runtime/spec.ts'

const INIT = '/usr/bin/tini-static'
const PROFILE = '/usr/share/containers/seccomp.json'
const input = (over: Partial<SpecInput> = {}): SpecInput => ({
  containerId: 'c'.repeat(64),
  rootfs: '/rootfs',
  args: ['/bin/true'],
  env: ['PATH=/bin'],
  workingDir: '/',
  user: { uid: 0, gid: 0, additionalGids: [0], home: '/root' },
  hostname: 'abcdef012345',
  tty: false,
  privileged: false,
  readOnlyRootfs: false,
  initPath: '',
  capabilities: DEFAULT_CAPABILITIES,
  seccomp: null,
  netnsPath: '/run/netns/x',
  files: { hosts: '/s/hosts', hostname: '/s/hostname', resolvConf: '/s/resolv.conf' },
  mounts: [],
  resources: ResourceLimits.parse({}),
  cgroup: 'hybrid',
  cgroupRoot: '/',
  rootless: false,
  ...over,
})

describe('capabilities', () => {
  const resolve = (add: string[], drop: string[], privileged = false) => resolveCapabilities({ add, drop, privileged })
  it('follow dockerd', () => {
    expect(resolve([], [])).toEqual(DEFAULT_CAPABILITIES)
    expect(resolve(['net_admin'], ['CAP_CHOWN'])).toEqual([...DEFAULT_CAPABILITIES.slice(1), 'CAP_NET_ADMIN'])
    expect(resolve(['KILL'], ['all'])).toEqual(['CAP_KILL'])
    expect(resolve(['ALL'], ['KILL'])).toHaveLength(40)
    expect(resolve([], [], true)).toHaveLength(41)
    expect(() => resolve(['FLY'], [])).toThrow(expect.objectContaining({ reason: 'capability.unknown' }))
  })
  it('give no more than this machine has', () => {
    const available = parseCapabilityMask('Name:\tx\nCapBnd:\t000001fffeffffff\n')
    expect(available).not.toContain('CAP_SYS_RESOURCE')
    expect(resolveCapabilities({ add: [], drop: [], privileged: true, available })).toHaveLength(40)
  })
})

describe('a spec', () => {
  it('limits memory with twice as much swap, processors by quota, and drops limits without cgroups', () => {
    const resources = ResourceLimits.parse({ memoryBytes: 1000, cpus: 0.5, pids: 7 })
    expect(buildSpec(input({ resources }))).toMatchObject({
      linux: {
        cgroupsPath: `/slipway/${'c'.repeat(64)}`,
        resources: { memory: { limit: 1000, swap: 2000 }, cpu: { quota: 50000, period: 100000 }, pids: { limit: 7 } },
      },
    })
    for (const over of [{ cgroup: 'none' as const }, { rootless: true, cgroupRoot: '' }]) {
      const { linux } = buildSpec(input({ resources, ...over })) as { linux: object }
      expect(Object.keys(linux)).not.toContain('resources')
      expect(Object.keys(linux)).not.toContain('cgroupsPath')
    }
  })
  it('has a group and limits without root where one is delegated, but no rules for devices', () => {
    const over = { rootless: true, cgroup: 'v2', cgroupRoot: '/user.slice/s.scope' } as const
    const { linux } = buildSpec(input({ ...over, resources: ResourceLimits.parse({ pids: 5 }) })) as {
      linux: { cgroupsPath: string; resources: object }
    }
    expect(linux.cgroupsPath).toBe(`/user.slice/s.scope/${'c'.repeat(64)}`)
    expect(linux.resources).toEqual({ pids: { limit: 5 } })
    expect(JSON.stringify(buildSpec(input(over)))).toContain('"destination":"/sys/fs/cgroup"')
  })
  it('has a cgroup namespace on v2 alone', () => {
    expect(JSON.stringify(buildSpec(input({ cgroup: 'v2' })))).toContain('{"type":"cgroup"}')
    expect(JSON.stringify(buildSpec(input({ cgroup: 'v1' })))).not.toContain('{"type":"cgroup"}')
  })
  it('keeps the locked flags of what it binds', () => {
    const info = '20 1 8:1 / / rw,relatime - ext4 a rw\n21 20 8:2 / /home rw,nosuid,nodev,relatime - ext4 b rw\n'
    expect(lockedFlags(info, '/home/me')).toEqual(['nosuid', 'nodev'])
    expect(lockedFlags(info, '/homely')).toEqual([])
    expect(lockedFlags('22 1 8:1 / /a\\040b ro - ext4 a rw', '/a b/c')).toEqual(['ro'])
  })
  it('passes on what is mounted below its bind mounts as far as their own mounts do', () => {
    const mountInfo = [
      '20 1 8:1 / / rw - ext4 a rw',
      '21 20 8:2 / /both rw shared:7 - ext4 b rw',
      '22 20 8:3 / /in rw,nosuid master:7 propagate_from:2 - ext4 c rw',
    ].join('\n')
    const ask = (hostPath: string, propagation: 'rprivate' | 'rshared' | 'slave', rootless = false) =>
      rootPropagation([{ type: 'bind', hostPath, propagation }], { mountInfo, rootless })
    expect(ask('/both/x', 'rprivate')).toBeUndefined()
    expect(ask('/both/x', 'rshared')).toBe('shared')
    expect(ask('/both/x', 'slave')).toBe('rslave')
    expect(ask('/in/x', 'slave', true)).toBe('rslave')
    expect(() => ask('/in/x', 'rshared')).toThrow('path /in/x is mounted on /in but it is not a shared mount')
    expect(() => ask('/own', 'slave')).toThrow('path /own is mounted on / but it is not a shared or slave mount')
    expect(() => ask('/both/x', 'rshared', true)).toThrow('without root, nothing that a container mounts reaches')
  })
})

describe('seccomp', () => {
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_ADMIN'] } },
      { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
      { names: ['s390'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['s390x'] } },
    ],
  })
  const names = (capabilities: string[], kernel: string) =>
    compileSeccomp(profile, { capabilities, kernel, architecture: 'x64' }).syscalls?.flatMap((rule) => rule.names)
  it('is compiled against capabilities, kernel and architecture', () => {
    expect(names([], '6.1.0-amd64')).toEqual(['read', 'clone', 'ptrace'])
    expect(names(['CAP_SYS_ADMIN'], '4.4')).toEqual(['read', 'mount'])
  })
  it('of the distribution is used for the architectures that run: x86-64 and x86', () => {
    const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']
    expect(withoutUnusedArchitectures({ architectures }).architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'])
  })
})

/** A reason not to run, or `''`. */
function whyNot(rootless: boolean): string {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync('/usr/sbin/runc') && !existsSync('/usr/bin/runc')) return 'needs runc'
  if (!existsSync('/bin/busybox') || !existsSync(PROFILE)) return 'needs busybox and the seccomp profile'
  if (!existsSync(INIT)) return 'needs tini-static'
  return rootless && !/^probe:/m.test(readFileSync('/etc/subuid', 'utf8')) ? 'needs a user probe with sub-ids' : ''
}
const PROBE =
  'id; hostname; grep -E "^(CapEff|CapInh|Seccomp|NoNewPrivs):" /proc/1/status; cat /proc/mounts; cat /etc/hosts; ls /dev; tr "\\0" " " < /proc/1/cmdline'

let folder = ''
afterEach(() => folder && rmSync(folder, { recursive: true, force: true }))

for (const mode of ['root', 'an ordinary user'] as const) {
  const rootless = mode !== 'root'
  const reason = whyNot(rootless)
  describe(`a container under runc as ${mode}${reason && ` (skipped: ${reason})`}`, () => {
    for (const kind of ['plain', 'read-only with init', 'privileged'] as const) {
      it.skipIf(reason)(`is what dockerd gives: ${kind}`, () => {
        const out = runContainer(rootless, kind)
        expect(out).toMatch(/uid=0.* gid=0/)
        expect(out).toContain('\nabcdef012345\n')
        expect(out).toContain('CapInh:\t0000000000000000')
        expect(out).toContain('127.0.0.1 me')
        if (kind === 'privileged') {
          expect(out).toContain('Seccomp:\t0')
          expect(out).not.toMatch(/ \/proc\/(sys|timer_list) /)
        } else {
          expect(out).toContain('CapEff:\t00000000a80425fb')
          expect(out).toContain('Seccomp:\t2')
          expect(out).toContain('NoNewPrivs:\t0')
          expect(out).toMatch(/ \/proc\/sys proc ro,/)
          expect(out).toMatch(/ \/proc\/timer_list /)
          expect(out).toMatch(/ \/sys sysfs ro,/)
        }
        if (kind === 'read-only with init') expect(out).toContain('/sbin/docker-init -- /bin/sh')
      })
    }
  })
}

function runContainer(rootless: boolean, kind: 'plain' | 'read-only with init' | 'privileged'): string {
  folder = mkdtempSync('/var/tmp/slipway-spec-')
  chmodSync(folder, 0o755)
  const at = (name: string) => path.join(folder, name)
  for (const name of ['rootfs/bin', 'rootfs/etc', 'rootfs/sbin', 'state']) mkdirSync(at(name), { recursive: true })
  copyFileSync('/bin/busybox', at('rootfs/bin/busybox'))
  for (const tool of ['sh', 'id', 'hostname', 'grep', 'wc', 'cat', 'touch', 'ls', 'tr'])
    symlinkSync('busybox', at(`rootfs/bin/${tool}`))
  for (const name of ['hosts', 'hostname', 'resolvConf']) writeFileSync(at(name), '127.0.0.1 me\n')
  const privileged = kind === 'privileged'
  const status = rootless ? '' : readFileSync('/proc/self/status', 'utf8')
  const capabilities = resolveCapabilities({ add: [], drop: [], privileged, available: parseCapabilityMask(status) })
  const spec = buildSpec(
    input({
      containerId: path.basename(folder),
      rootfs: at('rootfs'),
      args: ['/bin/sh', '-c', PROBE],
      capabilities,
      privileged,
      readOnlyRootfs: kind === 'read-only with init',
      initPath: kind === 'read-only with init' ? INIT : '',
      seccomp: privileged
        ? null
        : compileSeccomp(readFileSync(PROFILE, 'utf8'), { capabilities, kernel: '6.1', architecture: process.arch }),
      netnsPath: at('netns'),
      files: { hosts: at('hosts'), hostname: at('hostname'), resolvConf: at('resolvConf') },
      mounts: [
        {
          ...MountSpec.parse({ type: 'tmpfs', target: '/run' }),
          name: '',
          hostPath: '',
          isAnonymous: false,
          isPopulated: false,
        },
      ],
      rootless,
      cgroupRoot: rootless ? '' : '/',
      ...(rootless ? { mountInfo: readFileSync('/proc/self/mountinfo', 'utf8') } : {}),
    }),
  )
  writeFileSync(at('config.json'), JSON.stringify(spec))
  writeFileSync(at('netns'), '')
  const run = `cd ${folder} && unshare --net=${folder}/netns true && runc --root ${folder}/state ${rootless ? '--rootless=true ' : ''}run ${path.basename(folder)} 2>&1`
  const enter = 'unshare --mount --propagation slave'
  if (!rootless) return execFileSync('sh', ['-c', `${enter} sh -c '${run}'`], { encoding: 'utf8', timeout: 15_000 })
  execFileSync('chown', ['-R', 'probe', folder])
  const shell = `unset XDG_RUNTIME_DIR; ${enter.replace('unshare', 'unshare --user --map-root-user --map-auto')} sh -c '${run}'`
  return execFileSync('su', ['probe', '-c', shell], { encoding: 'utf8', timeout: 15_000, cwd: '/' })
}
