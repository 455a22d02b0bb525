import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

describe.skipIf(!hasDocker)('networks by the stock docker command', () => {
  let it: DockerTest
  const names = async (...filters: string[]) => {
    const out = await it.ok(
      'network',
      'ls',
      '--format',
      '{{.Name}}',
      ...filters.flatMap((filter) => ['--filter', filter]),
    )
    return out.trim().split('\n').filter(Boolean).sort()
  }

  beforeAll(async () => {
    it = await startDocker()
  })
  afterEach(() => it.ok('network', 'prune', '--force'))
  afterAll(() => it?.engine.destroy())

  test('prune leaves what is younger than until and what has a label that must not be', async () => {
    await it.ok('network', 'create', '--label', 'keep', 'kept')
    await it.ok('network', 'create', 'plain')
    await it.ok('network', 'prune', '--force', '--filter', 'until=24h')
    expect(await names('type=custom')).toEqual(['kept', 'plain'])
    await it.ok('system', 'prune', '--force', '--filter', 'until=24h')
    expect(await names('type=custom')).toEqual(['kept', 'plain'])
    await it.ok('system', 'prune', '--force', '--filter', 'label!=keep')
    expect(await names('type=custom')).toEqual(['kept'])
    await it.ok('network', 'prune', '--force', '--filter', 'until=0s')
    expect(await names('type=custom')).toEqual([])
  })

  test('ls shows networks of a type, and those that no container is on', async () => {
    await it.ok('network', 'create', 'used')
    await it.ok('network', 'create', 'unused')
    const id = (await it.ok('create', '--network', 'used', 'test/box:1', 'true')).trim()
    expect(await names('type=builtin')).toEqual(['bridge', 'host', 'none'])
    expect(await names('type=custom')).toEqual(['unused', 'used'])
    expect(await names('dangling=true')).toEqual(['unused'])
    expect(await names('dangling=false')).toEqual(['bridge', 'host', 'none', 'used'])
    expect((await it.docker(['network', 'ls', '--filter', 'type=odd'])).stderr).toContain("invalid filter 'type=odd'")
    await it.ok('rm', id)
  })
})
