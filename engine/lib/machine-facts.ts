/** A program of the machine; `path` is empty when there is none. */
export interface ToolFact {
  readonly path: string
  /** The first line of what it says of itself. */
  readonly version: string
}

/** What the doctor judges by, as read from a machine. */
export interface MachineFacts {
  readonly mode: 'rootful' | 'rootless'
  readonly user: string
  readonly packageManager: 'apt-get' | 'dnf' | 'pacman' | 'zypper' | ''
  readonly tools: Readonly<
    Record<
      'runc' | 'crun' | 'conmon' | 'ip' | 'nft' | 'slirp4netns' | 'pasta' | 'busybox' | 'apparmor_parser',
      ToolFact
    >
  >
  /** Both tools are there and have the right to map ids. */
  readonly canMapIds: boolean
  /** Modules that neither run nor can be loaded. */
  readonly missingModules: readonly string[]
  readonly hasOverlay: boolean
  readonly hasSeccompProfile: boolean
  /** The program for `--init`; empty when there is none. */
  readonly initProgram: string
  /** The kernel confines programs by AppArmor. */
  readonly hasAppArmor: boolean
  readonly userNamespaces: {
    readonly works: boolean
    readonly message: string
    /** The setting that forbids them. */
    readonly forbiddenBy: 'apparmor' | 'clone' | 'maximum' | ''
  }
  /** `free`: a range that is nobody's, as `usermod` takes it. */
  readonly subordinateIds: { readonly uids: number; readonly gids: number; readonly free: string }
  readonly tun: 'ok' | 'missing' | 'denied'
  readonly cgroups: {
    readonly layout: 'v1' | 'hybrid' | 'v2' | 'none'
    /** A systemd looks after this user's processes. */
    readonly hasManager: boolean
    /** Controllers that it can delegate. */
    readonly delegated: readonly string[]
  }
  /** `null` where no systemd manages sessions. */
  readonly isLingering: boolean | null
  readonly freeBytes: number
  /** The next subnet for a network; empty when none is left. */
  readonly freeSubnet: string
  /** Our networks that the host has got a route into since they were made. */
  readonly conflicts: readonly { readonly network: string; readonly subnet: string; readonly route: string }[]
  /** The name under which the docker command knows this engine. */
  readonly context: string
  readonly socket: SocketFact
  /** Where clients look that are told nothing; `null` where there is no such place. */
  readonly clientSocket: SocketFact | null
}

/** A path that a socket is to have. `own`: this engine, or another of ours, answers there. */
export interface SocketFact {
  readonly path: string
  readonly state: 'free' | 'own' | 'too-long' | 'denied' | 'no-socket' | 'taken'
  /** Who answers, who owns it, or how long it is; `''` for nothing to say. */
  readonly by: string
}
