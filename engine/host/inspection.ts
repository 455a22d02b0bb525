import type { Duplex } from 'node:stream'
import type { Call, ProcessRef } from './host.ts'

/*
 * The part of the Host interface that looks at networks as they really are: what listens, where packets would go, which
 * rules they would meet, and whether a connection is really made.
 */

/** A socket that waits for others. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp'
  /** `0.0.0.0` or `::` for every address. */
  readonly address: string
  readonly port: number
}

/** All rules of a namespace as nft(8) prints them: for programs, and for people with handles. */
export interface RulesText {
  readonly json: string
  readonly text: string
}

/** Where a namespace would send packets for an address: `error` is the kernel's refusal, else `''`. */
export interface RouteAnswer {
  readonly address: string
  readonly device: string
  readonly source: string
  readonly gateway: string
  readonly error: string
}

/** The network namespace of a process. */
export interface NamespaceFacts {
  readonly listeners: readonly Listener[]
  readonly routes: readonly RouteAnswer[]
  /** `null` where this keeper may not read them: an ordinary user's, of the host. */
  readonly rules: RulesText | null
}

/** A port of a bridge: the host's end of a container's veth pair, most often. */
export interface BridgePort {
  readonly interface: string
  readonly bridge: string
  /** Frames to other isolated ports are dropped. */
  readonly isIsolated: boolean
}

/** The namespace where bridges are. */
export interface BridgeFacts {
  readonly ports: readonly BridgePort[]
  /** Whether frames within a bridge meet the rules for packets too (br_netfilter). */
  readonly hasBridgeNetfilter: boolean
  readonly rules: RulesText | null
}

export interface ProbeParams {
  /** Whose namespace it goes out of. */
  readonly process: ProcessRef
  readonly protocol: 'tcp' | 'udp'
  /** An IP address. */
  readonly address: string
  readonly port: number
  /** A name to ask the embedded DNS for first; `''` for none. */
  readonly name: string
  readonly timeoutMs: number
}

/** How a try to connect went. UDP has no answer of its own: `unanswered` is neither a refusal nor a proof. */
export type ProbeResult = 'connected' | 'answered' | 'refused' | 'unreachable' | 'timeout' | 'unanswered' | 'unresolved'
export interface ProbeOutcome {
  readonly result: ProbeResult
  /** The address that was tried: the first that the name has, else the one given. */
  readonly address: string
  /** What the name resolved to. */
  readonly resolved: readonly string[]
  /** Of the connection alone, without the name. */
  readonly milliseconds: number
  /** The kernel's or the resolver's word (`ECONNREFUSED`, `ENOTFOUND`), else `''`. */
  readonly error: string
}

/** Connections of a container at this moment. */
export interface ConnectionCount {
  readonly containerId: string
  /** Established TCP connections by the container's own address. */
  readonly established: readonly { readonly address: string; readonly count: number }[]
  /** Through published ports: those that the kernel translates, and those that the proxy carries. */
  readonly published: number
}

export interface MeasureTrafficParams {
  readonly containers: readonly { readonly containerId: string; readonly addresses: readonly string[] }[]
  /** Where bridges are. */
  readonly interfaces: readonly string[]
}

/** Bytes counted so far. They only grow, but begin anew when a port is opened anew or nobody has asked for long. */
export interface TrafficCounters {
  /**
   * Through published ports, as the container sees it: bytes that the proxy carries, and packets that the kernel translates
   * with their headers. `null` where the kernel cannot count those.
   */
  readonly published:
    | readonly { readonly containerId: string; readonly received: number; readonly sent: number }[]
    | null
  /** As the machine sees it: what a bridge receives comes from containers. */
  readonly interfaces: readonly { readonly name: string; readonly rxBytes: number; readonly txBytes: number }[]
}

export interface CaptureParams {
  /** Whose sandbox. */
  readonly containerId: string
  readonly interface: string
}

/** A subnet that a route leads to, and by which interface; `''` where it is by several. */
export interface RouteTo {
  readonly subnet: string
  readonly interface: string
}

export interface NetworkInspection {
  /** Reads a process's namespace; `addresses` are those whose routes are wanted. */
  readonly describeNamespace: Call<
    { readonly process: ProcessRef; readonly addresses: readonly string[] },
    NamespaceFacts
  >
  readonly describeBridges: Call<Record<string, never>, BridgeFacts>
  /**
   * Subnets that the machine's routes lead to, of both versions of IP and of all tables, those of policy routing too;
   * without default routes and without what leads nowhere.
   */
  readonly listRoutes: Call<Record<string, never>, readonly RouteTo[]>
  /** Connects from inside a namespace, and lets go at once. Nothing of the container's runs. */
  readonly probe: Call<ProbeParams, ProbeOutcome>
  /** Counts connections; containers that are gone are left out. */
  readonly countConnections: Call<
    {
      readonly containers: readonly {
        readonly containerId: string
        readonly process: ProcessRef
        readonly addresses: readonly string[]
      }[]
    },
    readonly ConnectionCount[]
  >
  /** Counts bytes; the rules that it takes are there only while it is asked again and again. */
  readonly measureTraffic: Call<MeasureTrafficParams, TrafficCounters>
  /**
   * Packets of an interface as a .pcap file. Each chunk is the number of packets so far and of those that were lost, as two
   * u32 in big endian, then bytes of the file: whole packets. Anything written stops it; what is on its way still comes.
   */
  readonly capture: (params: CaptureParams) => Promise<Duplex>
}
