import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { createRouter } from '../../engine/api/rest/router.ts'
import { missingWhy } from '../../engine/api/rest/routes/not-here.ts'
import { allRoutes } from '../../engine/api/rest/server.ts'
import type { Services } from '../../engine/service/services.ts'
import { readApiDefinition } from '../helpers/api-definition.ts'

const TABLE = path.resolve('docs/api.md')
const SWARM = /^\/(swarm|nodes|services|tasks|secrets|configs)(\/|$)/

test('docs/api.md says of every call of the definition whether it is served', () => {
  // The routes are only looked at: no service is called.
  const router = createRouter(allRoutes(new Proxy({}, { get: () => ({}) }) as Services))
  const rows = readApiDefinition().operations.map(({ method, path: name, summary }) => {
    const { route } = router.match(method, name.replaceAll(/\{\w+\}/g, 'x'))
    const why = missingWhy.get(route)
    const missing = why === undefined ? null : `501: not implemented here${why && `; ${why}`}`
    const state = SWARM.test(name) ? '503: not part of a swarm' : (missing ?? 'served')
    return `| ${method} | \`${name}\` | ${state} | ${summary} |`
  })
  const table = `# The Docker Engine API\n\nWritten by \`test/rest/table.test.ts\` from the definition of version 1.51; do not edit.\n\n| method | path | here | what |\n|---|---|---|---|\n${rows.join('\n')}\n`
  if (process.env['UPDATE_DOCS']) writeFileSync(TABLE, table)
  expect(readFileSync(TABLE, 'utf8')).toBe(table)
})
