import { describe, expect, it } from 'vitest'
import { ResourceLimits } from '../../../engine/contract/container.ts'
import { ociJson } from '../../../engine/lib/oci-json.ts'
import { parseDeviceRule, splitDevice } from '../../../engine/runtime/devices.ts'
import { assertLimits, checkLimits } from '../../../engine/runtime/limits.ts'
import { readLogLimits } from '../../../engine/runtime/log-options.ts'
import { parseSecurityOptions } from '../../../engine/runtime/security.ts'
import { buildLimits } from '../../../engine/runtime/spec-resources.ts'

const limits = (over: object) => ResourceLimits.parse(over)
const FACTS = {
  controllers: ['cpu', 'cpuset', 'memory', 'pids'],
  isRootless: false,
  hasSwapLimit: true,
  isUnified: false,
  cpus: 4,
}

describe('limits', () => {
  it('are kept where the machine has them, and left out with a word where it has not', () => {
    const asked = limits({ memoryBytes: 1e8, cpus: 1, pids: 5 })
    expect(checkLimits(asked, FACTS)).toEqual({ resources: asked, warnings: [] })
    expect(() => assertLimits(asked, FACTS)).not.toThrow()
    expect(() => assertLimits(asked, { ...FACTS, controllers: [] })).toThrow(
      /limits that this container was made with cannot be held in this session/,
    )
    const without = checkLimits(asked, { ...FACTS, controllers: [] })
    expect(without.resources).toEqual(limits({}))
    expect(without.warnings).toHaveLength(3)
  })
  it('have no swap of their own where the kernel counts none', () => {
    const { resources, warnings } = checkLimits(limits({ memoryBytes: 1e8 }), { ...FACTS, hasSwapLimit: false })
    expect(resources.memorySwapBytes).toBe(-1)
    expect(warnings).toEqual([expect.stringContaining('Memory limited without swap')])
  })
  it('leave the OOM killer alone on the unified layout', () => {
    const asked = limits({ memoryBytes: 1e8, isOomKillDisabled: true })
    expect(checkLimits(asked, { ...FACTS, isUnified: true }).resources.isOomKillDisabled).toBe(false)
    expect(checkLimits(limits({ isOomKillDisabled: true }), FACTS).warnings[0]).toContain('no memory limit is set')
  })
  it.each([
    [{ cpus: 1, cpuPeriod: 5000 }, 'Nano CPUs and CPU Period'],
    [{ cpuPeriod: 10 }, 'CPU cfs period'],
    [{ cpuQuota: 10 }, 'CPU cfs quota'],
    [{ cpusetCpus: '2-1' }, 'Invalid value 2-1'],
    [{ memorySwapBytes: 1e8 }, 'You should always set the Memory limit'],
    [{ memoryBytes: 1e8, memoryReservationBytes: 2e8 }, 'can not be less than memory reservation'],
  ])('that make no sense are refused: %j', (over, text) => {
    expect(() => checkLimits(limits(over), FACTS)).toThrow(text)
  })
  it('become what the runtime takes', () => {
    expect(buildLimits(limits({ memoryBytes: 10, memorySwapBytes: -1, cpuQuota: 7, cpuShares: 2 }))).toEqual({
      memory: { limit: 10, swap: -1 },
      cpu: { quota: 7, shares: 2 },
    })
  })
})

describe('settings', () => {
  it('of security come in two spellings', () => {
    expect(parseSecurityOptions(['no-new-privileges:true', 'apparmor=mine', 'label:disable'])).toEqual({
      noNewPrivileges: true,
      seccomp: 'default',
      appArmor: 'mine',
    })
    for (const odd of ['seccomp', 'seccomp=', 'no-new-privileges=perhaps', 'x=y'])
      expect(() => parseSecurityOptions([odd]), odd).toThrow('invalid --security-opt')
  })
  it('of the log have sizes with units', () => {
    const read = (options: Record<string, string>) =>
      readLogLimits({ driver: 'json-file', options }, { maxBytes: 1, maxFiles: 2 })
    expect(read({})).toEqual({ maxBytes: 1, maxFiles: 2 })
    expect(read({ 'max-size': '10m', 'max-file': '4' })).toEqual({ maxBytes: 10 << 20, maxFiles: 4 })
    expect(read({ 'max-size': '-1' }).maxBytes).toBe(0)
    const odd: Record<string, string>[] = [
      { 'max-size': 'much' },
      { 'max-size': '0' },
      { 'max-file': '0' },
      { nosuch: '1' },
    ]
    for (const options of odd) expect(() => read(options), JSON.stringify(options)).toThrow()
  })
  it('of devices are numbers of the kernel, and rules', () => {
    expect(splitDevice(0x0105)).toEqual({ major: 1, minor: 5 })
    expect(splitDevice(259 * 256 + 1)).toEqual({ major: 259, minor: 1 })
    expect(splitDevice(0x10_0800 + 0xff)).toEqual({ major: 8, minor: 511 })
    expect(parseDeviceRule('c 10:* rm')).toEqual({ allow: true, type: 'c', major: 10, access: 'rm' })
    expect(() => parseDeviceRule('c 10 rwm')).toThrow('invalid device cgroup rule format')
  })
  it('of no limit are the largest number, whatever texts look like', () => {
    const text = ociJson({ env: ['a="soft":-1,'], rlimits: [{ type: 'X', soft: -1, hard: -1 }] })
    expect(text).toContain('"soft":18446744073709551615,"hard":18446744073709551615}')
    expect(JSON.parse(text).env).toEqual(['a="soft":-1,'])
  })
})
