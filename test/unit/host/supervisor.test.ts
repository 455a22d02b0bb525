import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/contract/errors.ts'
import type { HostClient } from '../../../engine/host/client.ts'
import { createHostSupervisor } from '../../../engine/host/supervisor.ts'

/** Keepers of which each dies over its first call, but the last. */
async function startDying(count: number) {
  const calls: string[] = []
  let born = 0
  const host = await createHostSupervisor(
    async (onClose) => {
      born += 1
      const number = born
      const answer = async (name: string) => {
        calls.push(`${name} ${number}`)
        if (number > count) return name === 'listMounts' ? ['/a'] : undefined
        queueMicrotask(onClose)
        throw new EngineError('unavailable', 'keeper.lost', 'lost')
      }
      return new Proxy({} as HostClient, {
        // A promise is resolved with it, so it must not look like one itself.
        get: (_, name: string) => (name === 'then' ? undefined : () => answer(name)),
      })
    },
    () => {},
  )
  return { host, calls }
}

describe('a host that survives its keeper', () => {
  it('asks the next keeper what the last one has not answered', async () => {
    const { host, calls } = await startDying(2)
    expect(await host.listMounts({ folder: '/' })).toEqual(['/a'])
    expect(calls).toEqual(['listMounts 1', 'listMounts 2', 'listMounts 3'])
  })

  it('does not do a second time what may have been done', async () => {
    const { host, calls } = await startDying(1)
    await expect(host.startContainer({ containerId: 'a' })).rejects.toMatchObject({ reason: 'keeper.lost' })
    await expect(host.signalContainer({ containerId: 'a', signal: 'SIGHUP' })).resolves.toBeUndefined()
    expect(calls).toEqual(['startContainer 1', 'signalContainer 2'])
  })

  it('fills in what a keeper of the first protocol did not tell, and asks it nothing that it does not know', async () => {
    const old = { protocol: 1, mode: 'rootful' }
    const keeper = { info: async () => old, listTraces: async () => Promise.reject(new Error('no such call')) }
    const host = await createHostSupervisor(
      async () => keeper as unknown as HostClient,
      () => {},
    )
    expect(await host.info({})).toMatchObject({ cgroupRoot: '/', innerNetns: '' })
    expect((await host.info({})).controllers).toContain('memory')
    expect(await host.listTraces({})).toEqual([])
  })

  it('asks a keeper that has no default AppArmor profile for others alone', async () => {
    const unknown = new EngineError('notImplemented', 'host.no-such-call', 'the keeper has no call')
    const keeper = {
      info: async () => ({ protocol: 2, mode: 'rootless', controllers: ['pids'] }),
      ensureProfile: async () => Promise.reject(unknown),
    }
    const host = await createHostSupervisor(
      async () => keeper as unknown as HostClient,
      () => {},
    )
    expect(await host.info({})).toMatchObject({ appArmor: 'none', controllers: ['pids'] })
    expect(await host.ensureProfile({ name: 'slipway-default' })).toBe('')
    expect(await host.ensureProfile({ name: 'mine' })).toBe('mine')
  })

  it('kills for certain', async () => {
    const { host, calls } = await startDying(1)
    await host.signalContainer({ containerId: 'a', signal: 'SIGKILL' })
    expect(calls).toEqual(['signalContainer 1', 'signalContainer 2'])
  })
})
