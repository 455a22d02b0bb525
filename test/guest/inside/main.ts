import { createWriteStream } from 'node:fs'
import { GROUPS } from './groups.ts'
import { reportName } from './scenario.ts'

/** `node inside.mjs GROUP PORT`: tries the scenarios of a group and reports each, a JSON text a line, on the guest's port. */
async function main(): Promise<void> {
  const [name, port = '/dev/stdout'] = process.argv.slice(2)
  const group = GROUPS.find((one) => one.name === name)
  if (!group) throw new Error(`no group ${name}`)
  const reports = createWriteStream(port)
  for (const scenario of group.scenarios) {
    const startedAt = Date.now()
    const error = await scenario.run().then(
      () => '',
      (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message).slice(0, 1500) : String(reason)),
    )
    const report = { test: reportName(group, scenario), error, seconds: (Date.now() - startedAt) / 1000 }
    await new Promise((resolve) => reports.write(`${JSON.stringify(report)}\n`, resolve))
  }
  process.exit(0)
}

void main()
