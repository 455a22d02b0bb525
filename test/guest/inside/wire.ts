import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What passed on the wire between two hosts. */
export interface Passed {
  readonly esp: number
  /** UDP packets to VXLAN's port. */
  readonly vxlan: number
  /** Frames in which the marker stands to be read. */
  readonly readable: number
}

/** The byte that marked pings are filled with. */
export const MARKER = 'a5'
const WATCH = `
import json, select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((sys.argv[1], 0))
print('listening', flush=True)
passed = {'esp': 0, 'vxlan': 0, 'readable': 0}
def look(frame):
    passed['readable'] += bytes.fromhex('${MARKER}') * 32 in frame
    if frame[12:14] != b'\\x08\\x00': return
    transport = frame[14 + (frame[14] & 15) * 4:]
    passed['esp'] += frame[23] == 50
    passed['vxlan'] += frame[23] == 17 and transport[2:4] == b'\\x12\\xb5'
while True:
    ready, _, _ = select.select([wire, sys.stdin], [], [])
    if wire in ready: look(wire.recv(65536))
    elif sys.stdin in ready: break
print(json.dumps(passed))
`

/** Watches an interface of a namespace (`enter` is argv in front) while work is done. */
export async function watchWire(
  { enter, link }: { readonly enter: readonly string[]; readonly link: string },
  work: () => Promise<void>,
): Promise<Passed> {
  const [command = '', ...args] = [...enter, 'python3', '-c', WATCH, link]
  const python = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  python.stdout.on('data', (chunk) => {
    text += chunk
  })
  const closed = once(python, 'close')
  await Promise.race([once(python.stdout, 'data'), closed])
  assert.match(text, /listening/)
  try {
    await work()
  } finally {
    python.stdin.end()
    await closed
  }
  return JSON.parse(text.split('\n')[1] ?? '') as Passed
}

/** A VXLAN packet that nobody encrypted, with a datagram to a container in it. */
export interface Forged {
  /** The host that it goes to. */
  readonly host: string
  /** The address that it pretends to come from; `''`: its real one. */
  readonly from: string
  readonly vni: number
  readonly mac: string
  /** The container's address. */
  readonly address: string
}

/** The datagram goes to a port where nobody listens, which the container's kernel counts. */
const FORGE = `
import socket, struct, sys
host, source, vni, mac, address = sys.argv[1:]
def ip(protocol, source, target, body):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0, socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack('!10H', head))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return head[:10] + struct.pack('!H', ~total & 0xffff) + head[12:] + body
def udp(port, body): return struct.pack('!HHHH', 40000, port, 8 + len(body), 0) + body
inner = bytes.fromhex(mac.replace(':', '')) + bytes.fromhex('02420a000afe0800')
inner += ip(17, address.rpartition('.')[0] + '.250', address, udp(9, b'forged'))
packet = struct.pack('!BxxxI', 8, int(vni) << 8) + inner
if source:
    wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    wire.sendto(ip(17, source, host, udp(4789, packet)), (host, 0))
else:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(packet, (host, 4789))
`

/** Sends a forged packet from a namespace. */
export function forge(enter: readonly string[], { host, from, vni, mac, address }: Forged): void {
  const [command = '', ...args] = [...enter, 'python3', '-c', FORGE, host, from, String(vni), mac, address]
  execFileSync(command, args)
}
