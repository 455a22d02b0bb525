import { z } from 'zod'
import { command, query } from './define.ts'

const Protocol = z.enum(['tcp', 'udp'])
const Port = z.number().int().min(1).max(65535)

/** What stops a connection, in the words of the tool that shows it. */
export const ReachBlock = z.object({
  /**
   * `rule`: an nft rule or a chain's policy; `isolated`: ports of a bridge that may not talk (icc is off), or a macvlan
   * in private mode; `no-route`: the first container's own kernel table has no way there; `not-running`: nobody is there.
   */
  reason: z.enum(['rule', 'isolated', 'no-route', 'not-running']),
  /** Whose namespace it is in: the first container's, the one where bridges are, or the second's. */
  place: z.enum(['from', 'bridges', 'to']),
  /** Where to find it: table, chain and handle, or the command that shows it. */
  at: z.string(),
  text: z.string(),
})
export type ReachBlock = z.output<typeof ReachBlock>

/** A port of the second container as the first would try it. */
export const ReachPort = z.object({
  protocol: Protocol,
  /** What to connect to: on a published way the host's port. */
  port: z.number().int(),
  containerPort: z.number().int(),
  /** Whether something listens there, at this address. */
  isListening: z.boolean(),
  block: ReachBlock.nullable(),
})
export type ReachPort = z.output<typeof ReachPort>

/** One way from the first container to the second. */
export const ReachWay = z.object({
  /**
   * `same`: both have one namespace; `network`: they share a network; `routed`: from one network to another;
   * `published`: by a port of the host's; `host`: the second is on the host's own network.
   */
  kind: z.enum(['same', 'network', 'routed', 'published', 'host']),
  /** The network whose address this is; `''` for none. */
  network: z.string(),
  address: z.string(),
  /** Names by which the first container finds this address, and who tells it. */
  names: z.array(z.object({ name: z.string(), source: z.enum(['dns', 'link', 'hosts']) })),
  /** Interfaces that a packet passes, from the first container's to the second's. */
  hops: z.array(z.string()),
  /** What stops every port of this way. */
  block: ReachBlock.nullable(),
  ports: z.array(ReachPort),
})
export type ReachWay = z.output<typeof ReachWay>

const ReachEnd = z.object({ id: z.string(), name: z.string(), isRunning: z.boolean() })

export const ReachAnswer = z.object({
  from: ReachEnd,
  to: ReachEnd,
  /** Whether packets come through on some way. */
  canReach: z.boolean(),
  /** Open ways first. */
  ways: z.array(ReachWay),
  /** Rules that could decide and that were not understood, as nft prints them. */
  unsure: z.array(z.object({ place: z.string(), text: z.string() })),
  /** Namespaces whose rules could not be read. */
  unread: z.array(z.enum(['from', 'bridges', 'to'])),
  /** Connections that would give the two a network in common. */
  joins: z.array(
    z.object({ networkId: z.string(), network: z.string(), containerId: z.string(), container: z.string() }),
  ),
})
export type ReachAnswer = z.output<typeof ReachAnswer>

export const ProbeAnswer = z.object({
  /** `answered` and `unanswered` are of UDP, where silence proves nothing. */
  result: z.enum(['connected', 'answered', 'refused', 'unreachable', 'timeout', 'unanswered', 'unresolved']),
  /** The address that was tried; `''` when the name has none. */
  address: z.string(),
  /** What the name resolved to, and by whom: the embedded DNS, or the container's hosts file. */
  resolved: z.array(z.string()),
  resolvedBy: z.enum(['dns', 'hosts', '']),
  milliseconds: z.number(),
  error: z.string(),
})
export type ProbeAnswer = z.output<typeof ProbeAnswer>

const ContainerName = z.string().min(1).max(255)

export const reach = {
  /** Whether one container reaches another, answered from what is really there. */
  describe: query(z.object({ from: ContainerName, to: ContainerName }), ReachAnswer),
  /** Tries it: connects from inside the container's network, by a name first where one is given, and lets go. */
  probe: command(
    z.object({
      from: ContainerName,
      address: z.union([z.ipv4(), z.ipv6()]),
      port: Port,
      protocol: Protocol.default('tcp'),
      name: z.string().max(253).default(''),
    }),
    ProbeAnswer,
  ),
} as const
