import { expect, test } from 'vitest'
import { desktop } from '../../../engine/contract/desktop.ts'
import { contract } from '../../../engine/contract/index.ts'
import { STREAMS } from '../../../renderer/api/client.ts'

test('the window opens a stream for exactly those calls that the contract declares as one', () => {
  const declared = Object.entries({ ...contract, desktop }).flatMap(([noun, verbs]) =>
    Object.entries(verbs).flatMap(([verb, { kind }]) => (kind === 'stream' ? [`${noun}.${verb}`] : [])),
  )
  expect([...STREAMS].toSorted()).toEqual(declared.toSorted())
})
