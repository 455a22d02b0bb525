import { align } from './attributes.ts'
import { koffi, libc, libcError } from './core.ts'
import { encodeMessage } from './rtnetlink.ts'

/*
 * Questions to netfilter (linux/netfilter/nfnetlink.h): its connections and its sets. A message is
 *
 *   nlmsghdr 16 · nfgenmsg 4 (family u8 · version u8 · resource u16) · attributes, see attributes.ts
 *
 * and a list comes as many of them, the last of type "done".
 */
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_NETFILTER = 12
const NLM_F_DUMP = 0x300
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const PACKET_BYTES = 256 * 1024
const MSG_DONTWAIT = 0x40
const EINTR = 4
const EAGAIN = 11
const ENOBUFS = 105

const c = {
  socket: libc.func('int socket(int, int, int)'),
  send: libc.func('long send(int, const void *, size_t, int)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  close: libc.func('int close(int)'),
}

/** A socket that asks about the calling thread's namespace, from whichever thread it is used. */
export function openNetfilter(): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  return fd
}

export const closeNetfilter = (fd: number): void => void c.close(fd)

interface Question {
  /** Subsystem and kind. */
  readonly type: number
  /** AF_INET, AF_INET6 or netfilter's own. */
  readonly family: number
  readonly attributes?: Buffer
}

let sequence = 0

/** Asks for a list; `collect` gets each packet of the answer and says whether the list is over. */
export function listNetfilter(fd: number, question: Question, collect: (packet: Buffer) => boolean): void {
  sequence = (sequence + 1) >>> 0
  const own = sequence
  send(fd, encode(question, { flags: NLM_F_DUMP, sequence: own }))
  const packet = Buffer.allocUnsafeSlow(PACKET_BYTES)
  for (let isDone = false; !isDone; ) {
    const bytes = receive(fd, packet)
    if (bytes === 0) return
    // What a list that was left off still had to say is no part of this one.
    if (isAnswerTo(packet.subarray(0, bytes), own)) isDone = collect(packet.subarray(0, bytes))
  }
}

/** Asks for something to be done, and for no answer. */
export const sendNetfilter = (fd: number, question: Question): void =>
  send(fd, encode(question, { flags: 0, sequence: 0 }))

/** Whether a packet is of the answer to a question with this number. */
export const isAnswerTo = (packet: Buffer, number: number): boolean =>
  packet.length >= 16 && packet.readUInt32LE(8) === number

/** Calls with where the attributes of each message in a packet are; answers whether the list is over. */
export function eachMessage(packet: Buffer, on: (start: number, end: number) => void): boolean {
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = packet.readUInt32LE(at)
    const type = packet.readUInt16LE(at + 4)
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < 16) return true
    on(at + 20, at + length)
    at += align(length)
  }
  return false
}

/** The next packet's length; 0 when nothing more comes. The kernel puts each next one there while the last is taken. */
function receive(fd: number, packet: Buffer): number {
  for (;;) {
    const bytes = Number(c.recv(fd, packet, packet.length, MSG_DONTWAIT))
    if (bytes >= 0) return bytes
    const errno = koffi.errno()
    if (errno === EAGAIN) return 0
    // It was disturbed, or something found no room: what there is can be read all the same.
    if (errno !== EINTR && errno !== ENOBUFS) throw libcError('recv', 'netlink', errno)
  }
}

function encode(
  { type, family, attributes = Buffer.alloc(0) }: Question,
  { flags, sequence: number }: { readonly flags: number; readonly sequence: number },
): Buffer {
  return encodeMessage({
    type,
    flags,
    sequence: number,
    body: Buffer.concat([Buffer.from([family, 0, 0, 0]), attributes]),
  })
}

function send(fd: number, bytes: Buffer): void {
  if (Number(c.send(fd, bytes, bytes.length, 0)) < 0) throw libcError('send', 'netlink', koffi.errno())
}
