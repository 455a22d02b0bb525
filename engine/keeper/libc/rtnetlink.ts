import { readAttributes, readText, textAttribute } from './attributes.ts'
import { koffi, libc, libcError } from './core.ts'

/*
 * Routing netlink (rtnetlink(7)), the kernel's own language for devices, addresses and routes. A message is
 *
 *   nlmsghdr   length u32 · type u16 · flags u16 · sequence u32 · port u32
 *   body       a fixed structure of the type (ifinfomsg, ifaddrmsg, rtmsg)
 *   attributes see attributes.ts
 *
 * and the kernel answers each one before `send` returns: an error number (0: done), with words where it has some.
 */
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_ROUTE = 0
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const HEADER_BYTES = 16
const NLMSG_ERROR = 2
const NLMSGERR_ATTR_MSG = 1
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const RTM_GETLINK = 18
export const IFINFO_BYTES = 16
/** Of linux/if_link.h, in what is asked and answered alike. */
export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MASTER = 10
export const IFLA_LINKINFO = 18
export const IFLA_GROUP = 27
export const IFLA_INFO_KIND = 1
const ANSWER_BYTES = 32 * 1024

const c = {
  socket: libc.func('int socket(int, int, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  send: libc.func('long send(int, const void *, size_t, int)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  close: libc.func('int close(int)'),
}
const ONE = Buffer.from([1, 0, 0, 0])

/** One change to ask for. `what` says it in words, for the error. */
export interface RouteRequest {
  readonly what: string
  readonly type: number
  /** Beside "request" and "acknowledge". */
  readonly flags: number
  readonly body: Buffer
}

/** An interface that is there. */
export interface Link {
  readonly index: number
  /** Its hardware address. */
  readonly address: Buffer
  /** `bridge`, `veth`, …; `''` for a card. */
  readonly kind: string
  /** A number that its maker gave it (`ip link … group …`), 0 without one. */
  readonly group: number
  /** The number of the bridge that it is a port of, 0 without one. */
  readonly master: number
}

/** A socket of the namespace that the calling thread is in when it opens it, wherever the thread goes afterwards. */
export interface RouteSocket {
  /** Asks for a change; `libc.<errno>` when the kernel refuses. */
  request(request: RouteRequest): void
  /** An interface; `libc.enodev` when there is none. */
  link(name: string): Link
  close(): void
}

/** Opens such a socket. The caller closes it: it keeps the namespace alive. */
export function openRouteSocket(): RouteSocket {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) c.setsockopt(fd, SOL_NETLINK, option, ONE, ONE.length)
  const answer = Buffer.allocUnsafeSlow(ANSWER_BYTES)
  let sequence = 0
  const ask = (what: string, message: Buffer): Buffer => {
    if (Number(c.send(fd, message, message.length, 0)) < 0) throw libcError('netlink', what, koffi.errno())
    const bytes = Number(c.recv(fd, answer, answer.length, 0))
    if (bytes < HEADER_BYTES) throw libcError('netlink', what, koffi.errno())
    return answer.subarray(0, bytes)
  }
  return {
    request({ what, type, flags, body }) {
      sequence += 1
      const failure = readFailure(ask(what, encodeMessage({ type, flags: flags | NLM_F_ACK, sequence, body })))
      if (failure) throw libcError('netlink', failure.text ? `${what} (${failure.text})` : what, failure.errno)
    },
    link(name) {
      sequence += 1
      const body = Buffer.concat([Buffer.alloc(IFINFO_BYTES), textAttribute(IFLA_IFNAME, name)])
      const said = ask(name, encodeMessage({ type: RTM_GETLINK, flags: 0, sequence, body }))
      const failure = readFailure(said)
      if (failure) throw libcError('netlink', `find ${name}`, failure.errno)
      const attributes = readAttributes(said, HEADER_BYTES + IFINFO_BYTES)
      const kind = readAttributes(attributes.get(IFLA_LINKINFO) ?? NONE).get(IFLA_INFO_KIND) ?? NONE
      return {
        index: said.readInt32LE(HEADER_BYTES + 4),
        address: Buffer.from(attributes.get(IFLA_ADDRESS) ?? NONE),
        kind: readText(kind),
        group: attributes.get(IFLA_GROUP)?.readUInt32LE() ?? 0,
        master: attributes.get(IFLA_MASTER)?.readUInt32LE() ?? 0,
      }
    },
    close: () => void c.close(fd),
  }
}

/** A whole message. */
export function encodeMessage(message: {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Buffer
}): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(HEADER_BYTES + message.body.length, 0)
  header.writeUInt16LE(message.type, 4)
  header.writeUInt16LE(message.flags | NLM_F_REQUEST, 6)
  header.writeUInt32LE(message.sequence, 8)
  return Buffer.concat([header, message.body])
}

/** What an answer says went wrong; `null` when nothing did. */
export function readFailure(answer: Buffer): { readonly errno: number; readonly text: string } | null {
  if (answer.readUInt16LE(4) !== NLMSG_ERROR) return null
  const errno = -answer.readInt32LE(HEADER_BYTES)
  if (errno === 0) return null
  // nlmsgerr holds the error and the header of the message that it is about; words follow.
  const message = answer.subarray(0, answer.readUInt32LE(0))
  return { errno, text: readText(readAttributes(message, 2 * HEADER_BYTES + 4).get(NLMSGERR_ATTR_MSG) ?? NONE) }
}

const NONE = Buffer.alloc(0)
