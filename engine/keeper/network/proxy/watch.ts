import { EPOLLIN } from '../../libc/epoll.ts'
import { openLinksMonitor, openRulesMonitor, readLinksGone, readRulesNews } from '../../libc/netlink.ts'
import { EAGAIN, receiveDatagram } from '../../libc/relay.ts'
import type { Loop } from './loop.ts'
import type { FromProxy } from './protocol.ts'

const PACKET_BYTES = 256 * 1024

/** The tables that iptables and firewalld keep their rules in. */
const FIREWALLS: readonly string[] = ['filter', 'firewalld']

/**
 * Tells of what others do where the bridges are: tables that go, so that an `nft flush ruleset` by hand or by a firewall
 * service is mended, rules of other firewalls, and interfaces that go. The kernel says it; nothing is asked in between.
 */
export function watchKernel(loop: Loop, tell: (news: FromProxy) => void): void {
  const buffer = Buffer.allocUnsafeSlow(PACKET_BYTES)
  /** `null`: more was said than the socket could hold, and something of ours may have been among it. */
  const watch = (monitor: number, on: (packet: Buffer | null) => void) =>
    loop.watch(monitor, EPOLLIN, () => {
      const bytes = receiveDatagram(monitor, buffer)
      if (bytes > 0) on(buffer.subarray(0, bytes))
      else if (bytes < 0 && bytes !== -EAGAIN) on(null)
    })
  watch(openRulesMonitor(), (packet) => {
    const { deleted, changed } = packet ? readRulesNews(packet) : { deleted: [''], changed: FIREWALLS }
    for (const table of deleted) tell({ type: 'table-deleted', table })
    if (changed.some((table) => FIREWALLS.includes(table))) tell({ type: 'firewall-changed' })
  })
  watch(openLinksMonitor(), (packet) => {
    const names = packet ? readLinksGone(packet) : ['']
    if (names.length > 0) tell({ type: 'links-gone', names })
  })
}
