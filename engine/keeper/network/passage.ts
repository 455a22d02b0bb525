import { run } from '../exec.ts'

/*
 * dockerd and ufw have the kernel drop whatever is forwarded and that they do not know (`iptables -P FORWARD DROP`), and a
 * packet passes only if every table lets it. Where they do, a chain of our own at the end of theirs lets pass what is
 * about our bridges: their own rules, and ours in our tables, have judged it by then. What would enter another engine's
 * bridges stays with that engine's rules. It is written by their tool, since one that finds a table it has not written
 * refuses to work on it.
 */
const TOOLS = ['iptables', 'ip6tables'] as const
/** Where other engines have their bridges; those of ours that are named so are let pass before. */
const OTHERS = ['docker0', 'br-+']
/** Programs change many rules in a row. */
const SETTLE_MS = 200

/** The way of our bridges' packets past other programs' firewalls. */
export interface Passage {
  /** Sets which bridges are ours. Nothing is done while nobody drops what is forwarded. */
  setBridges(bridges: readonly string[]): Promise<void>
  /** To be told that somebody has changed rules: looks again as soon as they are done. */
  look(): void
  /** Takes away what was added. */
  remove(): Promise<void>
}

/** What `iptables-save -t filter` says of forwarding. */
interface ForwardRules {
  readonly isDropping: boolean
  readonly hasJump: boolean
  /** Rules of our chain, `-A` and all. */
  readonly ours: readonly string[]
}

/** Creates it with the name of its chain, at most 28 characters. */
export function createPassage(chain: string): Passage {
  let bridges: readonly string[] = []
  /** The bridges that the tools' rules are about, for all we know. */
  let known = ''
  /** The tools that may have something to do: all at first, afterwards those whose rules drop. */
  let concerned: readonly string[] = TOOLS
  let timer: NodeJS.Timeout | undefined
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
  const apply = async (tools: readonly string[], wanted: readonly string[]) => {
    const answers = await Promise.all(tools.map(async (tool) => ((await settle(tool, chain, wanted)) ? [tool] : [])))
    concerned = answers.flat()
  }
  return {
    setBridges: (now) =>
      inTurn(async () => {
        bridges = now
        if (known === now.join()) return
        await apply(concerned, bridges)
        known = now.join()
      }),
    look() {
      timer ??= setTimeout(() => {
        timer = undefined
        void inTurn(() => apply(TOOLS, bridges)).catch(() => {
          // Somebody held the tool's lock: the next change of ours tries again.
          known = ''
          concerned = TOOLS
        })
      }, SETTLE_MS)
      timer.unref()
    },
    remove: () => {
      clearTimeout(timer)
      return inTurn(() => apply(TOOLS, []))
    },
  }
}

/** Makes a tool's rules as they should be; answers whether they drop what is forwarded. Without the tool nobody uses them. */
async function settle(tool: string, chain: string, bridges: readonly string[]): Promise<boolean> {
  const saved = await run([`${tool}-save`, '-t', 'filter'], { okExitCodes: 'any', captureBytes: 1 << 22 }).catch(
    () => null,
  )
  if (saved?.exitCode !== 0) return false
  const found = readForwardRules(saved.stdout, chain)
  const wanted = found.isDropping && bridges.length > 0 ? passageRules(chain, bridges) : []
  if (wanted.join() === found.ours.join() && found.hasJump === wanted.length > 0) return found.isDropping
  const restore = [`${tool}-restore`, '--noflush', '--wait', '5']
  await run(restore, { input: passageChange(chain, found, wanted) })
  return found.isDropping
}

/** Reads what `iptables-save -t filter` prints. */
function readForwardRules(saved: string, chain: string): ForwardRules {
  const lines = saved.split('\n')
  return {
    isDropping: lines.some((line) => line.startsWith(':FORWARD DROP')),
    hasJump: lines.includes(`-A FORWARD -j ${chain}`),
    ours: lines.filter((line) => line.startsWith(`-A ${chain} `)),
  }
}

/** The rules of our chain. */
function passageRules(chain: string, bridges: readonly string[]): string[] {
  return [
    ...bridges.map((bridge) => `-A ${chain} -o ${bridge} -j ACCEPT`),
    ...OTHERS.map((bridge) => `-A ${chain} -o ${bridge} -j RETURN`),
    ...bridges.map((bridge) => `-A ${chain} -i ${bridge} -j ACCEPT`),
  ]
}

/** Input of `iptables-restore --noflush` that makes the chain anew, or takes it away when nothing is wanted. */
function passageChange(chain: string, { hasJump }: ForwardRules, wanted: readonly string[]): string {
  const isWanted = wanted.length > 0
  return [
    '*filter',
    `:${chain} - [0:0]`,
    ...wanted,
    ...(isWanted && !hasJump ? [`-A FORWARD -j ${chain}`] : []),
    ...(!isWanted && hasJump ? [`-D FORWARD -j ${chain}`] : []),
    ...(isWanted ? [] : [`-X ${chain}`]),
    'COMMIT',
    '',
  ].join('\n')
}
