import { run } from '../../exec.ts'
import type { OtherFirewall } from './passage.ts'

/*
 * firewalld's own table rejects what goes from one zone to another, and drops it where the default zone says so. Our
 * bridges are put into its zone for what is trusted, as long as it runs: nothing of it is written into its configuration,
 * so it is done again whenever firewalld has made its table anew, which is when it starts and when it loads its
 * configuration. A bridge that the administrator has put into a zone stays there.
 */
const TABLE = 'firewalld'
const ZONE = 'trusted'

/** firewalld with its nftables backend. */
export function createFirewalldPassage(): OtherFirewall {
  /** The number of the table that we have met: each that is made has another. */
  let handle: number | undefined
  /** The bridges that were put into the zone since it was made. */
  let trusted: readonly string[] = []
  return {
    async settle(bridges) {
      const found = await findTable()
      if (found !== handle) trusted = []
      handle = found
      if (found === undefined) return false
      // It carries out what it can: that a bridge has a zone already keeps it from none of the others.
      await change(
        '--add-interface',
        bridges.filter((bridge) => !trusted.includes(bridge)),
      )
      await change(
        '--remove-interface',
        trusted.filter((bridge) => !bridges.includes(bridge)),
      )
      trusted = bridges
      return true
    },
  }
}

async function findTable(): Promise<number | undefined> {
  const { exitCode, stdout } = await run(['nft', '--json', 'list', 'tables', 'inet'], { okExitCodes: 'any' })
  // One that was built without JSON is of a system without firewalld, which needs it.
  if (exitCode !== 0) return undefined
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: { name: string; handle: number } }[] }
  return nftables.find(({ table }) => table?.name === TABLE)?.table?.handle
}

/** A firewalld that is locked, or that has ended and left its table, is no reason for having no network at all. */
async function change(option: string, bridges: readonly string[]): Promise<void> {
  if (bridges.length === 0) return
  const changes = bridges.map((bridge) => `${option}=${bridge}`)
  await run(['firewall-cmd', `--zone=${ZONE}`, ...changes], { okExitCodes: 'any' }).catch(() => {})
}
