import { align, readAttributes, readText } from './attributes.ts'
import { koffi, libc, libcError } from './core.ts'
import { IFINFO_BYTES, IFLA_IFNAME } from './rtnetlink.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_FLAGS = 0o2000000 | 0o4000
const NETLINK_ROUTE = 0
const RTNLGRP_LINK = 1
const RTM_DELLINK = 17
const NETLINK_NETFILTER = 12
const NFNLGRP_NFTABLES = 7
const NFNL_SUBSYS_NFTABLES = 10
const NFT_MSG_DELTABLE = 2
/** NEWCHAIN, DELCHAIN, DELRULE: a base chain's policy is part of the chain. */
const CHANGES: readonly number[] = [3, 5, 8]
/** In messages about tables, chains and rules alike. */
const NFTA_TABLE_NAME = 1
const HEADER_BYTES = 16
const NFGENMSG_BYTES = 4

const c = {
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
}

/** A socket of the calling thread's namespace that tells of every change to nft rules there. */
export const openRulesMonitor = (): number => openMonitor(NETLINK_NETFILTER, NFNLGRP_NFTABLES)

/** The same for interfaces. */
export const openLinksMonitor = (): number => openMonitor(NETLINK_ROUTE, RTNLGRP_LINK)

function openMonitor(protocol: number, group: number): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, protocol) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK, 0)
  address.writeUInt32LE(1 << (group - 1), 8)
  if ((c.bind(fd, address, address.length) as number) < 0) throw libcError('bind', 'netlink', koffi.errno())
  return fd
}

/** What a packet of the monitor tells, by the names of tables. */
export interface RulesNews {
  readonly deleted: readonly string[]
  /** Those where a chain came, went or has another policy, or a rule went. */
  readonly changed: readonly string[]
}

/** Reads a packet of the rules monitor. Layout: linux/netlink.h, nf_tables.h. */
export function readRulesNews(packet: Buffer): RulesNews {
  const deleted: string[] = []
  const changed: string[] = []
  for (const { type, body } of messages(packet)) {
    const names = () => nameIn(body.subarray(NFGENMSG_BYTES), NFTA_TABLE_NAME)
    if (type === message(NFT_MSG_DELTABLE)) deleted.push(...names())
    else if (CHANGES.map(message).includes(type)) changed.push(...names())
  }
  return { deleted, changed }
}

/** Names of the interfaces that a packet of the links monitor says are gone, or are a bridge's port no more. */
export function readLinksGone(packet: Buffer): string[] {
  return [...messages(packet)].flatMap(({ type, body }) =>
    type === RTM_DELLINK ? nameIn(body.subarray(IFINFO_BYTES), IFLA_IFNAME) : [],
  )
}

function* messages(packet: Buffer): Generator<{ readonly type: number; readonly body: Buffer }> {
  for (let at = 0; at + HEADER_BYTES <= packet.length; ) {
    const length = packet.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > packet.length) return
    yield { type: packet.readUInt16LE(at + 4), body: packet.subarray(at + HEADER_BYTES, at + length) }
    at += align(length)
  }
}

const message = (kind: number) => (NFNL_SUBSYS_NFTABLES << 8) | kind

function nameIn(attributes: Buffer, type: number): string[] {
  const name = readAttributes(attributes).get(type)
  return name ? [readText(name)] : []
}
