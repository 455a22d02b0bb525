import { createTurns } from '../../../lib/async.ts'
import { run } from '../../exec.ts'
import { readCounters } from '../../libc/nft-counters.ts'

/** Nobody has asked for so long: nobody looks any more. */
const IDLE_MS = 5000
const ELEMENTS = 65_535

/** Bytes that the kernel has led through published ports since it is counted, by a container's address in hex. */
export interface PortBytes {
  readonly received: ReadonlyMap<string, number>
  readonly sent: ReadonlyMap<string, number>
}

/** Counts what address translation leads to containers, for as long as somebody asks. */
export interface PortCounters {
  /** `fd`: a netfilter socket of the namespace. `null` where the kernel cannot count. */
  read(fd: number): Promise<PortBytes | null>
  /** Told that a table of this name went (`''`: some table). */
  forget(table: string): void
  /** Takes the rules away, also those of an earlier keeper. */
  remove(): Promise<void>
}

/**
 * A table of its own, there only while somebody asks: the rules that lead packets see the first of a connection alone, and
 * need not know that somebody looks. `prefix` is the argv that enters the namespace.
 */
export function createPortCounters(
  table: string,
  prefix: readonly string[],
  { idleMs = IDLE_MS }: { readonly idleMs?: number } = {},
): PortCounters {
  let isThere = false
  /** The kernel has no such rules, and is not asked again with each look. */
  let isRefused = false
  let timer: NodeJS.Timeout | undefined
  const inTurn = createTurns()
  const nft = (input: string) => run([...prefix, 'nft', '-f', '-'], { input })
  const install = () =>
    inTurn(async () => {
      if (isThere || isRefused) return
      isRefused = true
      await nft(renderCounting(table))
      isRefused = false
      isThere = true
    })
  const remove = () => {
    clearTimeout(timer)
    return inTurn(async () => {
      isThere = false
      isRefused = false
      await nft(`table inet ${table} {}\ndelete table inet ${table}\n`)
    })
  }
  return {
    async read(fd) {
      clearTimeout(timer)
      timer = setTimeout(() => void remove().catch(() => {}), idleMs)
      timer.unref()
      const canCount = await install().then(
        () => isThere && fd >= 0,
        () => false,
      )
      if (!canCount) return null
      const sum = (way: 'to' | 'from') =>
        new Map([4, 6].flatMap((version) => [...readCounters(fd, { table, set: `${way}${version}` })]))
      return { received: sum('to'), sent: sum('from') }
    },
    forget(gone) {
      if (gone !== table && gone !== '') return
      isThere = false
      isRefused = false
    },
    remove,
  }
}

/**
 * Where translation is over on the way in, and not undone yet on the way out, a packet has the container's own address.
 * Addresses add themselves; one that was silent for long is forgotten.
 */
export function renderCounting(table: string): string {
  const sets = ['to', 'from'].flatMap((way) =>
    [4, 6].map(
      (version) =>
        `  set ${way}${version} { type ipv${version}_addr; size ${ELEMENTS}; flags dynamic,timeout; timeout 10m; }\n`,
    ),
  )
  const count = (direction: string, field: string, way: string) =>
    [
      [4, 'ip'],
      [6, 'ip6'],
    ].map(
      ([version, ip]) =>
        `    ct status dnat ct direction ${direction} update @${way}${version} { ${ip} ${field} counter }\n`,
    )
  // Rules made anew where there are some already, and counts kept.
  return `table inet ${table} {}
flush table inet ${table}
table inet ${table} {
${sets.join('')}  chain to-containers {
    type filter hook postrouting priority srcnat + 50; policy accept;
${count('original', 'daddr', 'to').join('')}  }
  chain from-containers {
    type filter hook prerouting priority mangle; policy accept;
${count('reply', 'saddr', 'from').join('')}  }
}
`
}
