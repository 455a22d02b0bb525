import { run } from '../../exec.ts'
import type { OtherFirewall } from './passage.ts'

/*
 * dockerd and ufw have the kernel drop whatever is forwarded and that they do not know (`iptables -P FORWARD DROP`). Where
 * they do, a chain of our own at the end of theirs lets pass what is about our bridges: their own rules, and ours in our
 * tables, have judged it by then. What would enter another engine's bridges stays with that engine's rules. It is written
 * by their tool, since one that finds a table it has not written refuses to work on it.
 */
/** Where other engines have their bridges; those of ours that are named so are let pass before. */
const OTHERS = ['docker0', 'br-+']

/** What `iptables-save -t filter` says of forwarding. */
interface ForwardRules {
  readonly isDropping: boolean
  readonly hasJump: boolean
  /** Rules of our chain, `-A` and all. */
  readonly ours: readonly string[]
}

/** What `iptables` or `ip6tables` write, with the name of our chain there: at most 28 characters. */
export const createIptablesPassage = (tool: 'iptables' | 'ip6tables', chain: string): OtherFirewall => ({
  settle: (bridges) => settle(tool, chain, bridges),
})

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
