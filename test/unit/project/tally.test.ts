import { expect, test } from 'vitest'
import { Tally } from '../../../scripts/lib/tally.mjs'

const report = (results: unknown[], passed: number) => ({
  numPassedTests: passed,
  numPendingTests: 1,
  testResults: results,
})

test('a failed test is named at the end, before the counts', () => {
  const tally = new Tally()
  const assertionResults = [{ status: 'failed', fullName: 'a port answers', failureMessages: ['Error: no answer'] }]
  tally.add('rest', 1, report([{ name: 'port.test.ts', status: 'failed', assertionResults }], 4))
  expect(tally.good).toBe(false)
  expect(tally.text()).toBe(
    'FAILED rest: port.test.ts: a port answers\nError: no answer\n4 passed, 1 failed, 1 skipped\n',
  )
})

test('a file that could not be loaded, a runner that ended badly and one without a report each count as a failure', () => {
  const tally = new Tally()
  tally.add('unit', 1, report([{ name: 'x.test.ts', status: 'failed', assertionResults: [], message: 'no module' }], 2))
  tally.add('e2e', 1, report([], 1))
  tally.add('package', null, undefined)
  expect(tally.good).toBe(false)
  expect(tally.text()).toContain('3 passed, 3 failed, 2 skipped')
})

test('suites without a failure are good, and no test at all is not', () => {
  const tally = new Tally()
  expect(tally.good).toBe(false)
  tally.add('unit', 0, report([], 3))
  expect(tally.good).toBe(true)
})
