import { EngineError, type WireError } from '../../contract/errors.ts'
import type { Host, HostEvent } from '../../host/host.ts'
import type { BridgeNetworkParams } from '../../host/network.ts'
import { createLocks } from '../../lib/async.ts'
import type { Firewall } from './firewall.ts'
import { createMender } from './mender.ts'
import type { Passage } from './passage/passage.ts'
import type { BridgeRules } from './ruleset.ts'
import type { SandboxThread } from './sandbox/client.ts'
import type { KnownLinks } from './sandbox/known-links.ts'

interface BridgesOptions {
  readonly thread: Pick<SandboxThread, 'carryOut'>
  readonly known: KnownLinks
  readonly firewall: Firewall
  /** `null` where no other program's rules can be. */
  readonly passage: Passage | null
  readonly onEvent: (event: HostEvent) => void
}

/** Bridges with their rules, which are kept as they should be while the keeper runs. */
export function createBridges({ thread, known, firewall, passage, onEvent }: BridgesOptions): Pick<
  Host,
  'ensureBridge' | 'removeBridge'
> & {
  /** Told that interfaces went, by whomever; `''`: some may have. */
  noteGone(names: readonly string[]): void
  /** Takes up what an earlier keeper left. Answers with the rules; `noteGone` then mends what was lost meanwhile. */
  restore(): Promise<readonly BridgeRules[]>
  close(): void
} {
  const locks = createLocks()
  const mend = (bridge: string) =>
    locks.withLock(bridge, async () => {
      const found = known.bridge(bridge)
      if (!found) return true
      const { links, error } = await mendLinks(thread, found, known)
      if (links.includes(bridge)) passage?.look()
      if (links.length > 0 || error) onEvent({ type: 'links-mended', bridge, links, error: error?.message ?? '' })
      return error === null
    })
  const mender = createMender(mend)
  return {
    ensureBridge: (params) =>
      locks.withLock(params.bridge, async () => {
        const mac = known.bridge(params.bridge)?.mac ?? ''
        const result = await thread.carryOut({ type: 'ensure-bridge', params, mac })
        await firewall.setBridge(rulesOf(params))
        if (result && 'made' in result) known.setBridge(params, result.made)
        await passage?.setBridges(firewall.bridges())
      }),
    removeBridge: ({ bridge }) =>
      locks.withLock(bridge, async () => {
        known.forgetBridge(bridge)
        mender.forget(bridge)
        // At once, since the kernel takes its time for both; nobody is on the bridge any more.
        await Promise.all([thread.carryOut({ type: 'remove-bridge', bridge }), firewall.removeBridge(bridge)])
        await passage?.setBridges(firewall.bridges())
      }),
    noteGone: (names) => mender.lost(known.concerned(names)),
    restore: async () => (await known.restore()).map(rulesOf),
    close: () => mender.stop(),
  }
}

async function mendLinks(
  thread: BridgesOptions['thread'],
  bridge: NonNullable<ReturnType<KnownLinks['bridge']>>,
  known: KnownLinks,
): Promise<{ readonly links: readonly string[]; readonly error: WireError | null }> {
  try {
    const places = known.placesOn(bridge.params.bridge)
    const result = await thread.carryOut({ type: 'mend', bridge, places })
    return result && 'mended' in result ? result.mended : { links: [], error: null }
  } catch (error) {
    return { links: [], error: EngineError.from(error).toWire() }
  }
}

function rulesOf({ addresses: _, mtu: __, ...rules }: BridgeNetworkParams): BridgeRules {
  return rules
}
