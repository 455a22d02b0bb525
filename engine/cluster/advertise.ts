import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

/** The address of this machine that packets to a URL's host leave with. Nothing is sent. */
export function addressOnRoute(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      socket.close()
      settle()
    }
    socket.once('error', (error) => end(() => reject(error)))
    socket.connect(Number(port), host, () => {
      const { address } = socket.address()
      end(() => resolve(address))
    })
  })
}
