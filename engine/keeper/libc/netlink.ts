import { koffi, libc, libcError } from './core.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_FLAGS = 0o2000000 | 0o4000
const NETLINK_NETFILTER = 12
const NFNLGRP_NFTABLES = 7
const NFT_MSG_DELTABLE = (10 << 8) | 2
const NFTA_TABLE_NAME = 1
const HEADER_BYTES = 16
const NFGENMSG_BYTES = 4

const c = {
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
}

/** A socket of the calling thread's namespace that tells of every change to nft rules there. */
export function openRulesMonitor(): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_FLAGS, NETLINK_NETFILTER) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK, 0)
  address.writeUInt32LE(1 << (NFNLGRP_NFTABLES - 1), 8)
  if ((c.bind(fd, address, address.length) as number) < 0) throw libcError('bind', 'netlink', koffi.errno())
  return fd
}

/** Names of the tables that a packet of the monitor says were deleted. Layout: linux/netlink.h, nf_tables.h. */
export function deletedTables(packet: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; at + HEADER_BYTES <= packet.length; ) {
    const length = packet.readUInt32LE(at)
    if (length < HEADER_BYTES || at + length > packet.length) break
    if (packet.readUInt16LE(at + 4) === NFT_MSG_DELTABLE)
      names.push(...tableNames(packet.subarray(at + HEADER_BYTES + NFGENMSG_BYTES, at + length)))
    at += align(length)
  }
  return names
}

function tableNames(attributes: Buffer): string[] {
  const names: string[] = []
  for (let at = 0; at + 4 <= attributes.length; ) {
    const length = attributes.readUInt16LE(at)
    if (length < 4) break
    if (attributes.readUInt16LE(at + 2) === NFTA_TABLE_NAME)
      names.push(attributes.toString('latin1', at + 4, at + length - 1))
    at += align(length)
  }
  return names
}

const align = (bytes: number) => (bytes + 3) & ~3
