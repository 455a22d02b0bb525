import type { LeaseParams } from '../host/network.ts'
import { addressOnRoute } from './advertise.ts'
import { inUse, noNetwork, unreachable } from './errors.ts'
import type { Store, WatchedChange } from './etcd.ts'
import { type ClusterHost, type ClusterNetwork, GUARD_KEY, hostKey, networkKey, PREFIX } from './layout.ts'
import { addNetwork, removeNetwork } from './network-changes.ts'
import { type OwnEndpoint, type Placed, place, take } from './place.ts'
import { createSnapshot, type RemoteEndpoint } from './snapshot.ts'

const RETRY_MS = 500

/** What is told of the cluster while it runs. Neither may throw. */
export interface ClusterListener {
  /** Something about these networks changed (`'*'`: about all). */
  onChange(networks: readonly string[]): void
  /** An endpoint of ours cannot be here any more: while this host was not heard of, its address or its network went. */
  onLost(endpoint: OwnEndpoint, why: Exclude<Placed, 'placed'>): void
}

/** This host's part in a cluster. Calls that change something fail with `cluster.unreachable` while etcd does not answer. */
export interface Cluster {
  readonly isConfigured: boolean
  describe(): ClusterStatus
  /** Takes part, with the endpoints that run already. Waits for the first attempt, whatever comes of it. Again: for a new keeper. */
  start(own: readonly OwnEndpoint[], listener: ClusterListener): Promise<void>
  /** Whether the store was ever read: before, an unknown network may still be one. */
  isKnown(): boolean
  /** Whether the store is empty that once had something: networks come and go, but the note that one did stays. */
  isWiped(): boolean
  networks(): readonly ClusterNetwork[]
  /** Addresses of a network that somebody has, but for a container's of this host. */
  addresses(network: string, container: string): readonly string[]
  remotes(network: string): readonly RemoteEndpoint[]
  hosts(): readonly { readonly id: string; readonly value: ClusterHost }[]
  /** This host as the others know it; none before it was there. */
  self(): { readonly id: string; readonly value: ClusterHost } | undefined
  encryptionKey(): string
  /** Adds the network that is planned in knowledge of all others; planned again when another was faster. */
  addNetwork(plan: (known: readonly ClusterNetwork[]) => ClusterNetwork): Promise<ClusterNetwork>
  /** `network.in-use` while any host has a container on it. */
  removeNetwork(id: string): Promise<void>
  /** Takes an endpoint's addresses for it, all or none: answers with those that another has. */
  claim(endpoint: OwnEndpoint): Promise<readonly string[]>
  /** Gives an endpoint's addresses back; when etcd is away, as soon as it answers. */
  release(network: string, container: string): Promise<void>
  /** What the store has of ours. */
  own(): readonly OwnEndpoint[]
  /** Leaves the cluster at once, with everything: nothing runs here any more. */
  leave(): Promise<void>
  /** Lets go; the keeper holds this host's place. */
  close(): void
}

export interface ClusterStatus {
  readonly store: readonly string[]
  readonly address: string
  readonly isReachable: boolean
  readonly hosts: readonly { readonly name: string; readonly address: string; readonly isSelf: boolean }[]
}

export interface ClusterParts {
  readonly config: {
    readonly store: readonly string[]
    readonly advertise: string
    readonly hostName: string
    readonly leaseSeconds: number
  }
  /** Sixteen hexadecimal digits of this engine's own, the same after a restart. */
  readonly hostId: string
  /** Of this start of the machine. */
  readonly boot: string
  readonly openStore: (hosts: readonly string[]) => Promise<Store>
  /** Lets the keeper hold a lease, so that the host stays while no engine runs. */
  readonly keepLease: (params: LeaseParams) => Promise<void>
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
}

/** A cluster by way of etcd: read once, then followed; read anew whenever the connection broke. */
export function createCluster(parts: ClusterParts): Cluster {
  const { config, hostId, log } = parts
  const closing = new AbortController()
  const own = new Map<string, OwnEndpoint>()
  const pending = new Set<string>()
  const keyOf = ({ network, container }: OwnEndpoint) => `${network}/${container}`
  const snapshot = createSnapshot((key, error) => log.warn({ key, error: String(error) }, 'cluster value ignored'))
  let listener: ClusterListener = { onChange: () => {}, onLost: () => {} }
  let opening: Promise<Store> | undefined
  let session: { readonly lease: string; readonly value: ClusterHost } | undefined
  /** The lease that everything of ours is under. */
  let placedLease = ''
  let failure: unknown = new Error('not asked yet')
  let isReachable = false
  /** Whether the store could be read since the connection broke last; this host's place may not be taken yet. */
  let isAnswering = false
  let isKnown = false
  let turn = new AbortController()
  let isRunning = false
  const open = () => {
    opening ??= parts.openStore(config.store)
    return opening
  }
  const refusal = (cause: unknown) => unreachable(config.store, cause)
  const attempt = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const store = await open()
    return work(store).catch((cause: unknown) => {
      throw cause instanceof Error && cause.name === 'EngineError' ? cause : refusal(cause)
    })
  }
  const tell = (networks: readonly string[]) => {
    if (networks.length > 0) listener.onChange([...new Set(networks)])
  }
  const keep = () =>
    parts
      .keepLease({ endpoints: config.store, leaseId: session?.lease ?? '', seconds: config.leaseSeconds })
      .catch((error: unknown) => log.warn({ error: String(error) }, 'lease not kept'))

  /** Takes this host's place, with everything that is on it, and takes away what is not. */
  const takePlace = async (store: Store) => {
    const here = snapshot.host(hostId)
    const { lease } = session && here ? session : await register(store, here)
    const held = new Set(snapshot.holdings(hostId).map(({ network, container }) => `${network}/${container}`))
    for (const endpoint of own.values()) {
      if (lease === placedLease && held.has(keyOf(endpoint))) continue
      const { placed } = await place({ store, snapshot, hostId, lease }, endpoint)
      if (placed === 'placed') continue
      own.delete(keyOf(endpoint))
      listener.onLost(endpoint, placed)
    }
    const surplus = snapshot
      .holdings(hostId)
      .filter(
        ({ network, container }) => !own.has(`${network}/${container}`) && !pending.has(`${network}/${container}`),
      )
    await take({ store, snapshot }, surplus)
    placedLease = lease
  }
  const register = async (store: Store, here: ClusterHost | undefined) => {
    session = undefined
    const address = config.advertise || (await addressOnRoute(config.store[0] ?? ''))
    const value: ClusterHost = { name: config.hostName, address, boot: parts.boot }
    if (here && (here.boot !== value.boot || here.address !== value.address)) {
      // Ours of an earlier life goes with its lease; another's, from a copy of this data root, stays.
      await keep()
      throw new Error(`a host with this engine's id is still there, at ${here.address}`)
    }
    const lease = await store.grantLease(config.leaseSeconds)
    await store.change([], [{ put: hostKey(hostId), value: JSON.stringify(value), lease }])
    session = { lease, value }
    await keep()
    log.info({ address, lease, hosts: snapshot.hosts().length }, 'cluster joined')
    return session
  }
  const apply = (changes: readonly WatchedChange[]) => {
    tell(changes.flatMap((change) => ('put' in change ? snapshot.put(change.put) : snapshot.delete(change.delete))))
    const isLost = changes.some((change) => 'delete' in change && change.delete === hostKey(hostId))
    if (!isLost) return
    log.warn({ lease: session?.lease }, 'cluster lease lost')
    session = undefined
    turn.abort()
  }
  const oneTurn = async () => {
    turn = new AbortController()
    const store = await open()
    const { revision, all } = await store.read(PREFIX)
    tell(snapshot.replace(all))
    isKnown = true
    isAnswering = true
    await takePlace(store)
    isReachable = true
    tell(['*'])
    return () => store.follow({ prefix: PREFIX, revision }, apply, AbortSignal.any([turn.signal, closing.signal]))
  }
  const noteFailure = (error: unknown) => {
    const isNews = isReachable || String(failure) !== String(error)
    failure = error
    isReachable = false
    isAnswering = false
    if (!isNews) return
    log.warn({ store: config.store, error: String(error) }, 'cluster store does not answer')
    tell(['*'])
  }
  const goOn = async (first: Promise<() => Promise<void>>) => {
    let next: Promise<() => Promise<void>> | undefined = first
    while (!closing.signal.aborted) {
      try {
        const turnTaken = await (next ?? oneTurn())
        next = undefined
        await turnTaken()
      } catch (error) {
        next = undefined
        if (closing.signal.aborted) return
        noteFailure(error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  return {
    isConfigured: true,
    describe: () => ({
      store: config.store,
      address: session?.value.address ?? config.advertise,
      isReachable,
      hosts: snapshot.hosts().map(({ id, value: { name, address } }) => ({ name, address, isSelf: id === hostId })),
    }),
    async start(running, told) {
      listener = told
      if (isRunning) return void (session && (await keep()))
      isRunning = true
      for (const endpoint of running) own.set(keyOf(endpoint), endpoint)
      const first = oneTurn()
      void goOn(first)
      await first.catch(() => {})
    },
    isKnown: () => isKnown,
    isWiped: () => snapshot.revisionOf(GUARD_KEY) === '0',
    networks: () => snapshot.networks(),
    addresses: (network, container) => snapshot.addresses(network, { host: hostId, container }),
    remotes: (network) => snapshot.remotes(network, { host: hostId, address: session?.value.address ?? '' }),
    hosts: () => snapshot.hosts(),
    self: () => (session ? { id: hostId, value: session.value } : undefined),
    encryptionKey: () => snapshot.encryptionKey(),
    addNetwork: (plan) =>
      attempt(async (store) => {
        const { network, kept } = await addNetwork(store, plan)
        for (const one of kept) snapshot.put(one)
        return network
      }),
    removeNetwork: (id) =>
      attempt(async (store) => {
        const left = await removeNetwork(store, id)
        if (left.length > 0) throw inUse(snapshot.network(id)?.name ?? id, left)
        snapshot.delete(networkKey(id))
      }),
    async claim(endpoint) {
      if (!session || !isAnswering) throw refusal(failure)
      const { lease } = session
      pending.add(keyOf(endpoint))
      try {
        const { placed, taken } = await attempt((store) => place({ store, snapshot, hostId, lease }, endpoint))
        if (placed === 'network-gone') throw noNetwork(endpoint.network)
        if (placed === 'placed') own.set(keyOf(endpoint), endpoint)
        return taken
      } finally {
        pending.delete(keyOf(endpoint))
      }
    },
    async release(network, container) {
      own.delete(`${network}/${container}`)
      const held = snapshot.holdings(hostId).filter((one) => one.network === network && one.container === container)
      if (held.length === 0) return
      await attempt((store) => take({ store, snapshot }, held)).catch((error: unknown) =>
        log.warn({ network, container, error: String(error) }, 'addresses are given back later'),
      )
    },
    own: () => [...own.values()],
    async leave() {
      const lease = session?.lease
      session = undefined
      closing.abort()
      await keep()
      if (lease) await attempt((store) => store.revokeLease(lease)).catch(() => {})
    },
    close() {
      closing.abort()
      void opening?.then((store) => store.close()).catch(() => {})
    },
  }
}
