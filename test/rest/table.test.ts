import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { createRouter } from '../../engine/api/rest/router.ts'
import { missingRoutes } from '../../engine/api/rest/routes/not-here.ts'
import { allRoutes } from '../../engine/api/rest/server.ts'
import type { Services } from '../../engine/service/services.ts'

const TABLE = path.resolve('docs/api.md')
const SWARM = /^\/(swarm|nodes|services|tasks|secrets|configs)(\/|$)/
const METHODS = ['get', 'head', 'post', 'put', 'delete']

test('docs/api.md says of every call of the definition whether it is served', () => {
  const definition = parse(readFileSync('test/fixtures/docker-engine-api-v1.51.yaml', 'utf8')) as {
    paths: Record<string, Record<string, { summary?: string }>>
  }
  // The routes are only looked at: no service is called.
  const router = createRouter(allRoutes(new Proxy({}, { get: () => ({}) }) as Services))
  const rows = Object.entries(definition.paths).flatMap(([name, methods]) =>
    METHODS.filter((method) => method in methods).map((method) => {
      const { route } = router.match(method.toUpperCase(), name.replaceAll(/\{\w+\}/g, 'x'))
      const state = SWARM.test(name)
        ? '503: not part of a swarm'
        : missingRoutes.includes(route)
          ? '501: not implemented here'
          : 'served'
      return `| ${method.toUpperCase()} | \`${name}\` | ${state} | ${methods[method]?.summary ?? ''} |`
    }),
  )
  const table = `# The Docker Engine API\n\nWritten by \`test/rest/table.test.ts\` from the definition of version 1.51; do not edit.\n\n| method | path | here | what |\n|---|---|---|---|\n${rows.join('\n')}\n`
  if (process.env['UPDATE_DOCS']) writeFileSync(TABLE, table)
  expect(readFileSync(TABLE, 'utf8')).toBe(table)
})
