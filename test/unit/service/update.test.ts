import { describe, expect, it } from 'vitest'
import { ResourceLimits } from '../../../engine/contract/container.ts'
import { parsePs } from '../../../engine/keeper/containers/shim/processes.ts'
import { mergeLimits } from '../../../engine/service/container/update.ts'

const limits = (over: object) => ResourceLimits.parse(over)

describe('an update of limits', () => {
  it('leaves what it does not name', () => {
    const old = limits({ memoryBytes: 5e7, cpuShares: 10, pids: 4 })
    expect(mergeLimits(old, { memoryBytes: 0, cpuShares: 20 })).toEqual({ ...old, cpuShares: 20 })
    expect(mergeLimits(old, { pids: -1 }).pids).toBe(0)
  })
  it('is refused where it contradicts what is', () => {
    expect(() => mergeLimits(limits({ cpuQuota: 5000 }), { cpus: 1 })).toThrow('Nano CPUs cannot be updated')
    expect(() => mergeLimits(limits({ cpus: 1 }), { cpuQuota: 5000 })).toThrow('as NanoCPUs has already been set')
    expect(() => mergeLimits(limits({ memoryBytes: 1e7, memorySwapBytes: 2e7 }), { memoryBytes: 3e7 })).toThrow(
      'already set memoryswap limit',
    )
  })
})

describe('the output of ps', () => {
  const output = 'UID   PID  PPID CMD\nroot    1     0 init with spaces\nann    12     1 sh\n'
  it('is cut into rows of the wanted processes', () => {
    expect(parsePs(output, new Set([1]))).toEqual({
      titles: ['UID', 'PID', 'PPID', 'CMD'],
      processes: [['root', '1', '0', 'init with spaces']],
    })
    expect(() => parsePs('UID CMD\n', new Set())).toThrow("Couldn't find PID field")
  })
})
