import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Stands where `nsenter` would: notes what the keeper asks of the kernel's tools, and refuses what it is told to. */
export function createFakeTools() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slft-'))
  const file = (name: string) => path.join(folder, name)
  writeFileSync(
    file('enter'),
    // With what the shell has of its own: further processes would cost more than the test.
    `#!/bin/sh
refuse() {
  if [ -e ${file('refused')} ]; then while read -r pattern; do
    case "$1" in *$pattern*) echo 'Error: it is refused' >&2; return 1 ;; esac
  done < ${file('refused')}; fi
}
asked="$*"
# An nft that stays: a line is a change, and what it does not know it complains about.
case "$asked" in *'nft -i') while IFS= read -r line; do
  case "$line" in slipway_end_*) printf 'Error: unknown\\n%s\\n^\\n' "$line" >&2 ;;
  *) printf '%s\\n' "$asked $line" >> ${file('asked')}; refuse "$line" ;; esac
done; exit ;; esac
while IFS= read -r line; do asked="$asked
$line"; done
printf '%s\n' "$asked" >> ${file('asked')}
refuse "$asked" || exit 1
if [ -e ${file('answer')} ]; then while IFS= read -r line; do printf '%s\n' "$line"; done < ${file('answer')}; fi
`,
  )
  chmodSync(file('enter'), 0o700)
  return {
    folder,
    prefix: [file('enter')],
    /** Refuses calls whose words or input have one of these in them (`*` is anything); without any, none. */
    refuse: (...patterns: readonly string[]) =>
      writeFileSync(file('refused'), patterns.map((one) => `${one}\n`).join('')),
    answer: (text: string) => writeFileSync(file('answer'), `${text}\n`),
    /** What was asked since the last time, as text. */
    asked() {
      const text = existsSync(file('asked')) ? readFileSync(file('asked'), 'utf8') : ''
      rmSync(file('asked'), { force: true })
      return text
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
