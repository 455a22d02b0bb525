import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

/** The address of this machine that packets to a URL's host leave with. Nothing is sent. */
export async function addressOnRoute(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      socket.close()
      settle()
    }
    socket.once('error', (error) => end(() => reject(error)))
    try {
      // A URL has no port where it is the protocol's own.
      socket.connect(Number(port) || (protocol === 'https:' ? 443 : 80), host, () => {
        const { address } = socket.address()
        end(() => resolve(address))
      })
    } catch (error) {
      end(() => reject(error))
    }
  })
}
