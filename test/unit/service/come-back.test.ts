import { expect, it } from 'vitest'
import { inWaves } from '../../../engine/service/come-back.ts'

const one = (id: string, network = 'bridge', pid = '', ipc = '') => ({
  id,
  config: { network, namespaces: { pid, ipc, uts: '', user: '', cgroup: '' } },
})
const idsOf = (records: readonly ReturnType<typeof one>[]) => inWaves(records).map((wave) => wave.map(({ id }) => id))

it('those that share a namespace come after the one that has it, however long the chain is', () => {
  const chain = [
    one('c', 'container:b'),
    one('b', 'container:a'),
    one('p', 'none', 'container:c'),
    one('i', 'host', '', 'container:a'),
  ]
  expect(idsOf([...chain, one('a'), one('x')])).toEqual([['a', 'x'], ['b', 'i'], ['c'], ['p']])
})

it('one that shares with a container that is not started now waits for nobody', () => {
  expect(idsOf([one('a', 'container:elsewhere')])).toEqual([['a']])
})

it('a ring is tried all the same', () => {
  expect(idsOf([one('a', 'container:b'), one('b', 'container:a')])).toEqual([['a', 'b']])
})
