import ipaddr from 'ipaddr.js'

export const AF_INET = 2
export const AF_INET6 = 10
/** Room for either family's `sockaddr`. */
export const ADDRESS_BYTES = 28

/*
 * sockaddr_in:   family u16 (host order) · port u16 (big endian) · address 4 · zero 8          = 16
 * sockaddr_in6:  family u16 · port u16 · flow 4 · address 16 · scope 4                         = 28
 */

/** The address family of an IP address; throws when it is none. */
export function familyOf(host: string): typeof AF_INET | typeof AF_INET6 {
  return ipaddr.parse(host).kind() === 'ipv6' ? AF_INET6 : AF_INET
}

/** A `sockaddr` for an IP address and a port. */
export function encodeAddress(host: string, port: number): Buffer {
  const family = familyOf(host)
  const address = Buffer.alloc(family === AF_INET6 ? 28 : 16)
  address.writeUInt16LE(family, 0)
  address.writeUInt16BE(port, 2)
  address.set(ipaddr.parse(host).toByteArray(), family === AF_INET6 ? 8 : 4)
  return address
}

/** Host and port of a `sockaddr`. */
export function decodeAddress(address: Buffer): { readonly host: string; readonly port: number } {
  const bytes = address.readUInt16LE(0) === AF_INET6 ? address.subarray(8, 24) : address.subarray(4, 8)
  return { host: ipaddr.fromByteArray([...bytes]).toString(), port: address.readUInt16BE(2) }
}
