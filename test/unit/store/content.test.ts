import { describe, expect, it } from 'vitest'
import { createLocks } from '../../../engine/lib/async.ts'
import { type ContentKey, createContentStore } from '../../../engine/store/content.ts'

const never = new AbortController().signal

/** A disk and its records, with every step of a removal taking a turn or more. */
function setUp() {
  const disk = new Set<string>()
  const records = new Set<string>()
  const failures: unknown[] = []
  const content = createContentStore({
    locks: createLocks(),
    namedOf: (keys) => new Set([...keys].filter((key) => records.has(key))),
    async remove(key) {
      await pause()
      disk.delete(key)
      await pause()
    },
    onFailure: (_, error) => failures.push(error),
  })
  return { disk, records, content, failures }
}
const pause = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('the content store', () => {
  it('removes what a lease let go, unless a record or another lease names it', async () => {
    const { disk, records, content } = setUp()
    for (const key of ['layer:a', 'layer:b', 'layer:c']) disk.add(key)
    const [mine, other] = [content.open(), content.open()]
    mine.hold('layer:a', 'layer:b', 'layer:c')
    other.hold('layer:b')
    records.add('layer:c')
    await mine.release()
    expect([...disk]).toEqual(['layer:b', 'layer:c'])
    await other.release()
    await other.release()
    expect([...disk]).toEqual(['layer:c'])
    expect(content.leaseCount).toBe(0)
  })

  it('lets who comes second find what the first made, or make it itself when the first failed', async () => {
    const { disk, content } = setUp()
    const made: string[] = []
    const make = (who: string, fails: boolean) => async () => {
      if (disk.has('layer:a')) return 'found'
      await pause()
      if (fails) throw new Error(`${who} failed`)
      made.push(who)
      disk.add('layer:a')
      return who
    }
    const [a, b, c] = [content.open(), content.open(), content.open()]
    const first = a.obtain('layer:a', never, make('a', true)).finally(() => a.release())
    const second = b.obtain('layer:a', never, make('b', false))
    const third = c.obtain('layer:a', never, make('c', false))
    await expect(first).rejects.toThrow('a failed')
    expect([await second, await third]).toEqual(['b', 'found'])
    expect(made).toEqual(['b'])
    await b.release()
    expect([...disk]).toEqual(['layer:a'])
    await c.release()
    expect([...disk]).toEqual([])
  })

  it('gives up a wait when it is canceled and does not disturb the one that works', async () => {
    const { disk, content } = setUp()
    const stop = new AbortController()
    const [a, b] = [content.open(), content.open()]
    const working = a.obtain('layer:a', never, async () => {
      for (let turn = 0; turn < 5; turn += 1) await pause()
      disk.add('layer:a')
    })
    const waiting = b.obtain('layer:a', stop.signal, async () => disk.delete('layer:a'))
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await b.release()
    await working
    expect([...disk]).toEqual(['layer:a'])
    await a.release()
  })

  it('keeps every record true and leaves nothing over in any order of imports, removals and sweeps', async () => {
    for (let seed = 1; seed <= 60; seed += 1) await interleave(seed)
  })
})

/** Imports that fail or commit, removals of their records and sweeps, in an order drawn from a seed. */
async function interleave(seed: number): Promise<void> {
  const { disk, records, content, failures } = setUp()
  let state = seed
  const random = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % limit
  }
  const someKeys = () => Array.from({ length: 1 + random(3) }, (): ContentKey => `layer:${random(4)}`)
  const doze = async () => {
    for (let turns = random(4); turns > 0; turns -= 1) await pause()
  }
  const importSome = async () => {
    const lease = content.open()
    try {
      const keys = someKeys()
      for (const key of keys) {
        await lease.obtain(key, new AbortController().signal, async () => {
          if (records.has(key) || disk.has(key)) return
          await doze()
          disk.add(key)
        })
        await doze()
      }
      if (random(3) === 0) return
      for (const key of keys) {
        expect(disk.has(key), `seed ${seed}: ${key} is there at commit`).toBe(true)
        records.add(key)
      }
    } finally {
      await lease.release()
    }
  }
  const removeSome = async () => {
    const keys = someKeys()
    for (const key of keys) records.delete(key)
    await content.collect(keys)
  }
  const sweep = () => content.collect([...disk] as ContentKey[])
  const actions = [importSome, importSome, removeSome, sweep]
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      await doze()
      await actions[random(actions.length)]?.()
    }),
  )
  await sweep()
  expect([...disk].sort(), `seed ${seed}`).toEqual([...records].sort())
  expect(failures).toEqual([])
}
