import { createTurns } from '../../lib/async.ts'
import { run } from '../exec.ts'
import { createNftSession } from './nft-session.ts'
import {
  type BridgeRules,
  bridgeElements,
  changeElements,
  compareElements,
  type Elements,
  type Family,
  joinElements,
  type Publication,
  publicationElements,
  removeTable,
  renderTable,
} from './ruleset.ts'

const FAMILIES: readonly Family[] = ['ip', 'ip6']
const RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000

/** The engine's own nft tables, kept as they should be. Other tables are not touched. */
export interface Firewall {
  /** Names of the bridges that have rules. */
  bridges(): readonly string[]
  setBridge(rules: BridgeRules): Promise<void>
  removeBridge(bridge: string): Promise<void>
  /** Makes these the ports of a container, in one transaction with those that go. */
  publish(containerId: string, publications: readonly Publication[]): Promise<void>
  /** Told that a table of this name went (`''`: some table): makes it anew unless we took it away ourselves. */
  repair(table: string): Promise<void>
  /** Takes up what an earlier keeper had set, and makes the tables anew. */
  restore(known: {
    readonly bridges: readonly BridgeRules[]
    readonly published: ReadonlyMap<string, readonly Publication[]>
  }): Promise<void>
  remove(): Promise<void>
}

/** Rules in the namespace where bridges live; `prefix` is the argv that enters it. */
export function createFirewall(
  table: string,
  prefix: readonly string[],
  { retryMs = RETRY_MS }: { readonly retryMs?: number } = {},
): Firewall {
  const bridges = new Map<string, BridgeRules>()
  const published = new Map<string, readonly Publication[]>()
  let isApplied = false
  let failures = 0
  let retry: NodeJS.Timeout | undefined
  /** One transaction after the other, so that what is known and what the kernel has never part. */
  const inTurn = createTurns()
  const nft = (input: string) => run([...prefix, 'nft', '-f', '-'], { input })
  const session = createNftSession(prefix)
  const makeAnew = async () => {
    // Until it is done, the kernel may have anything: the next change or try then makes everything anew.
    isApplied = false
    clearTimeout(retry)
    const ruleset = { bridges: [...bridges.values()], publications: [...published.values()].flat() }
    try {
      await nft(FAMILIES.map((family) => renderTable(family, table, ruleset)).join(''))
    } catch (error) {
      retry = setTimeout(tryAgain, Math.min(retryMs * 2 ** failures, LONGEST_RETRY_MS))
      retry.unref()
      failures += 1
      throw error
    }
    isApplied = true
    failures = 0
  }
  /** Whoever asked has long been told; rules that were lost must not stay away until the next change. */
  const tryAgain = () => void inTurn(async () => (isApplied || !isKnown() ? undefined : makeAnew())).catch(() => {})
  const isKnown = () => bridges.size > 0 || published.size > 0
  const hasTables = async () => {
    const { stdout } = await run([...prefix, 'nft', 'list', 'tables'])
    const names = stdout.split('\n')
    return FAMILIES.every((family) => names.includes(`table ${family} ${table}`))
  }
  /** The change alone, in one transaction; where the kernel has something else than we thought, everything anew. */
  const change = async (before: (family: Family) => Elements, after: (family: Family) => Elements) => {
    if (!isApplied) return makeAnew()
    const commands = FAMILIES.flatMap((family) => {
      const { gone, fresh } = compareElements(before(family), after(family))
      return [...changeElements('delete', family, table, gone), ...changeElements('add', family, table, fresh)]
    })
    if (commands.length > 0) await session.commit(commands).catch(makeAnew)
  }
  const nothing = () => ({})
  const ofContainer = (publications: readonly Publication[]) => (family: Family) =>
    joinElements(publications.map((publication) => publicationElements(family, publication)))

  return {
    bridges: () => [...bridges.keys()],
    setBridge: (rules) =>
      inTurn(async () => {
        const known = bridges.get(rules.bridge)
        bridges.set(rules.bridge, rules)
        if (isApplied && known && JSON.stringify(known) === JSON.stringify(rules)) return
        await change(known ? (family) => bridgeElements(family, known) : nothing, (family) =>
          bridgeElements(family, rules),
        )
      }),
    removeBridge: (bridge) =>
      inTurn(async () => {
        const known = bridges.get(bridge)
        bridges.delete(bridge)
        if (known) await change((family) => bridgeElements(family, known), nothing)
      }),
    publish: (containerId, publications) =>
      inTurn(async () => {
        const known = published.get(containerId) ?? []
        if (publications.length > 0) published.set(containerId, publications)
        else published.delete(containerId)
        await change(ofContainer(known), ofContainer(publications))
      }),
    repair: (lost) =>
      inTurn(async () => {
        if ((lost !== '' && lost !== table) || !isKnown()) return
        if (isApplied && (await hasTables().catch(() => false))) return
        await makeAnew()
      }),
    restore: (known) =>
      inTurn(async () => {
        for (const rules of known.bridges) bridges.set(rules.bridge, rules)
        for (const [containerId, publications] of known.published) published.set(containerId, publications)
        if (isKnown()) await makeAnew()
      }),
    remove: () =>
      inTurn(async () => {
        session.stop()
        clearTimeout(retry)
        bridges.clear()
        published.clear()
        if (isApplied) await nft(FAMILIES.map((family) => removeTable(family, table)).join(''))
        isApplied = false
      }),
  }
}
