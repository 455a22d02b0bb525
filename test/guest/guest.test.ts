import { accessSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleSource } from '../helpers/bundle.ts'
import { GROUPS } from './inside/groups.ts'
import { reportName } from './inside/scenario.ts'
import { bootGuest, type Guest } from './lib/guest.ts'
import { findKernel } from './lib/initramfs.ts'
import { guestScript } from './lib/script.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const missing = whatIsMissing()

/** Behaviour that needs what the kernel of a test machine often lacks: it is tried in an emulated machine with Debian's. */
describe.skipIf(missing !== '')(`a guest with Debian's kernel ${missing}`, () => {
  let guest: Guest
  beforeAll(async () => {
    const inside = await bundleSource(
      `import ${JSON.stringify(path.join(import.meta.dirname, 'inside/main.ts'))}`,
      path.join(ROOT, 'out/guest/inside.mjs'),
    )
    guest = bootGuest({ kernel: findKernel(), script: guestScript({ root: ROOT, inside }) })
  })
  afterAll(async () => {
    writeFileSync(path.join(ROOT, 'out/guest/console.log'), guest?.console() ?? '')
    await guest?.end()
  })

  for (const group of GROUPS)
    describe(group.name, () => {
      for (const scenario of group.scenarios)
        it(scenario.title, async () => {
          expect(await guest.outcome(reportName(group, scenario))).toBe('')
        })
    })
})

function whatIsMissing(): string {
  if (process.getuid?.() !== 0) return '(skipped: it reads files that only root may)'
  if (findKernel() === '') return '(skipped: no kernel of Debian is installed; linux-image-amd64)'
  try {
    accessSync('/usr/bin/qemu-system-x86_64')
    return ''
  } catch {
    return '(skipped: qemu-system-x86 is not installed)'
  }
}
