import type { WireError } from '../../../contract/errors.ts'
import type { BridgeNetworkParams, SandboxEndpoint } from '../../../host/network.ts'

/** One piece of work on a bridge, or on a container's network namespace. */
export type SandboxWork =
  | { readonly type: 'ensure-bridge'; readonly params: BridgeNetworkParams }
  | { readonly type: 'remove-bridge'; readonly bridge: string }
  | NamespaceWork

/** Work on the namespace that `netnsPath` names. */
export type NamespaceWork =
  /** Makes a namespace, binds it to the file, and joins it to networks. */
  | { readonly type: 'create'; readonly netnsPath: string; readonly endpoints: readonly SandboxEndpoint[] }
  /** Joins it to one more. What was made of it is taken away on failure. */
  | { readonly type: 'attach'; readonly netnsPath: string; readonly endpoint: SandboxEndpoint }
  /** Takes an interface away and sets the routes that remain; what is not there is left alone. */
  | {
      readonly type: 'detach'
      readonly netnsPath: string
      readonly containerInterface: string
      readonly routes: readonly string[]
    }
export interface ToSandboxThread {
  readonly call: number
  readonly work: SandboxWork
}
export interface FromSandboxThread {
  readonly call: number
  readonly error: WireError | null
}
/** Told to the thread when it starts. `netnsPath`: where bridges are, `''` for the namespace of the keeper. */
export interface SandboxThreadData {
  readonly role: 'sandboxes'
  readonly netnsPath: string
}
