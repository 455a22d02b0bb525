import type { WireError } from '../../../contract/errors.ts'
import type { BridgeNetworkParams, SandboxEndpoint } from '../../../host/network.ts'
import type { BridgeMade } from './bridge.ts'

/** One piece of work on a bridge, or on a container's network namespace. */
export type SandboxWork =
  | { readonly type: 'ensure-bridge'; readonly params: BridgeNetworkParams; readonly mac: string }
  | { readonly type: 'remove-bridge'; readonly bridge: string }
  | { readonly type: 'mend'; readonly bridge: KnownBridge; readonly places: readonly KnownPlace[] }
  | NamespaceWork

/** A bridge as it was made, or found. */
export interface KnownBridge extends BridgeMade {
  readonly params: BridgeNetworkParams
}

/** A container's place on a bridge, and all default routes that the container has. */
export interface KnownPlace {
  readonly netnsPath: string
  readonly endpoint: SandboxEndpoint
  readonly routes: readonly string[]
}

/** Interfaces that were made again, or put back where they were; and what went wrong with the first of others. */
export interface Mended {
  readonly links: readonly string[]
  readonly error: WireError | null
}

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
  readonly result: SandboxResult
  readonly error: WireError | null
}
/** What work of some types answers with. */
export type SandboxResult = { readonly made: BridgeMade } | { readonly mended: Mended } | null
/** Told to the thread when it starts. `netnsPath`: where bridges are, `''` for the namespace of the keeper. */
export interface SandboxThreadData {
  readonly role: 'sandboxes'
  readonly netnsPath: string
}
