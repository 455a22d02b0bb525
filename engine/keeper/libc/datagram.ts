import { ADDRESS_BYTES } from './address.ts'
import { koffi, libc } from './core.ts'

/*
 * Datagrams with the address of this machine that they were sent to, so that the answer leaves from there: a socket that
 * is bound to all addresses would answer from the one that is nearest to the client, which then knows no such partner.
 * The kernel is told by one structure (recvmsg(2)) where everything else lies:
 *
 *   msghdr     0 name → · 8 its bytes u32 · 16 iovec → · 24 one · 32 control → · 40 its bytes u64 · 48 flags
 *   iovec     64 data → · 72 its bytes u64
 *   name      96 the other side's sockaddr
 *   control  128 cmsghdr: length u64 · level i32 · type i32, and
 *                in_pktinfo   interface i32 · own address 4 · address of the packet 4     (ip(7))
 *                in6_pktinfo  own address 16 · interface u32                              (ipv6(7))
 */
const NAME_AT = 96
const CONTROL_AT = 128
const CONTROL_BYTES = 64
const HEAD_BYTES = 16
const DATAGRAM_BYTES = 65_536
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const IPPROTO_IPV6 = 41
const IPV6_RECVPKTINFO = 49
const IPV6_PKTINFO = 50
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

const c = {
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  recvmsg: libc.func('long recvmsg(int, void *, int)'),
  sendmsg: libc.func('long sendmsg(int, const void *, int)'),
  addressOf: libc.func('uintptr_t memcpy(void *, const void *, size_t)'),
}
const ONE = Buffer.from([1, 0, 0, 0])

/** One datagram of this thread's: whoever fills it is done with it before the next. */
export const datagram = Buffer.allocUnsafeSlow(DATAGRAM_BYTES)

/** Copying nothing tells where a buffer lies; one of its own does not move. */
const placeOf = (buffer: Buffer) => BigInt(c.addressOf(buffer, buffer, 0) as number | bigint)

function createMessage(): Buffer {
  const message = Buffer.allocUnsafeSlow(CONTROL_AT + CONTROL_BYTES).fill(0)
  const place = placeOf(message)
  const iovecAt = 64
  message.writeBigUInt64LE(place + BigInt(NAME_AT), 0)
  message.writeBigUInt64LE(place + BigInt(iovecAt), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(place + BigInt(CONTROL_AT), 32)
  message.writeBigUInt64LE(placeOf(datagram), iovecAt)
  message.writeUInt32LE(DATAGRAM_BYTES, iovecAt + 8)
  return message
}
const received = createMessage()
const sent = createMessage()

/** The two sides of a flow: who asks, and which address of this machine was asked, as a control message. */
export interface Flow {
  readonly address: Buffer
  readonly control: Buffer
}

/** Has a bound socket tell which address its datagrams were sent to. */
export function tellOwnAddress(fd: number): void {
  // A socket has one of the two versions, and does not know the other's option.
  c.setsockopt(fd, IPPROTO_IP, IP_PKTINFO, ONE, ONE.length)
  c.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, ONE, ONE.length)
}

/** Receives into `datagram`; below zero minus the errno. `key` is the same for all datagrams of a flow. */
export function receiveOfFlow(fd: number): { readonly bytes: number; readonly key: string } {
  // What an earlier one of the other version has left there would be taken for a part of this one's.
  received.fill(0, NAME_AT, CONTROL_AT)
  received.writeUInt32LE(ADDRESS_BYTES, 8)
  received.writeUInt32LE(CONTROL_BYTES, 40)
  const bytes = Number(c.recvmsg(fd, received, MSG_DONTWAIT))
  return bytes < 0
    ? { bytes: -koffi.errno(), key: '' }
    : { bytes, key: received.toString('latin1', NAME_AT, controlEnd()) }
}

/** Without the padding, which is nobody's. */
const controlEnd = (): number => {
  const bytes = received.readUInt32LE(40)
  return CONTROL_AT + (bytes < HEAD_BYTES ? 0 : Math.min(bytes, received.readUInt32LE(CONTROL_AT)))
}

/** The flow of the datagram that was received last. */
export function lastFlow(): Flow {
  return {
    address: Buffer.from(received.subarray(NAME_AT, NAME_AT + received.readUInt32LE(8))),
    control: answerFrom(received.subarray(CONTROL_AT, controlEnd())),
  }
}

/** Sends the first bytes of `datagram` back. */
export function answerFlow(fd: number, bytes: number, { address, control }: Flow): void {
  sent.writeUInt32LE(address.length, 8)
  address.copy(sent, NAME_AT)
  sent.writeUInt32LE(bytes, 72)
  sent.writeUInt32LE(control.length, 40)
  control.copy(sent, CONTROL_AT)
  c.sendmsg(fd, sent, MSG_DONTWAIT | MSG_NOSIGNAL)
}

const LINK_LOCAL = 0xfe80
const MULTICAST = 0xff

/**
 * The control message that has an answer leave from the address that was asked. Which interface it takes is left to the
 * routes, but for addresses that each interface has.
 */
export function answerFrom(control: Buffer): Buffer {
  if (control.length < HEAD_BYTES) return Buffer.alloc(0)
  const level = control.readInt32LE(8)
  const type = control.readInt32LE(12)
  if (level === IPPROTO_IP && type === IP_PKTINFO) {
    const answer = Buffer.alloc(HEAD_BYTES + 16)
    control.copy(answer, 0, 0, HEAD_BYTES)
    control.copy(answer, HEAD_BYTES + 4, HEAD_BYTES + 4, HEAD_BYTES + 8)
    return answer
  }
  // Nothing leaves from an address that is many machines'.
  if (level !== IPPROTO_IPV6 || type !== IPV6_PKTINFO || control[HEAD_BYTES] === MULTICAST) return Buffer.alloc(0)
  const answer = Buffer.alloc(HEAD_BYTES + 24)
  const isLinkLocal = (control.readUInt16BE(HEAD_BYTES) & 0xffc0) === LINK_LOCAL
  control.copy(answer, 0, 0, HEAD_BYTES + (isLinkLocal ? 20 : 16))
  return answer
}
