import type { BridgeEndpoint, PortForward } from '../host/host.ts'

/** A container's place on a network, as the driver gave it. */
export interface Endpoint {
  readonly ipAddress: string
  readonly prefix: number
  readonly gateway: string
  readonly macAddress: string
}

/** What a network driver does. `bridge` is the first; the others join here. */
export interface NetworkDriver {
  /** Makes the network's own devices and rules; harmless when they are there. */
  ensure(): Promise<void>
  /** Gives a container its namespace and its end of the network. */
  join(containerId: string, endpoint: Endpoint): Promise<{ readonly netnsPath: string }>
  leave(containerId: string): Promise<void>
  /** Opens all published ports or none; answers with the ports chosen. */
  publish(containerId: string, ports: readonly PortForward[]): Promise<readonly PortForward[]>
  unpublish(containerId: string): Promise<void>
  /** Takes the network's devices and rules away. */
  remove(): Promise<void>
}
export type { BridgeEndpoint, PortForward }
