import type { Duplex } from 'node:stream'
import type { ArchiveHost } from './archive.ts'
import type { NetworkHost } from './network.ts'

/*
 * The Host interface: everything the engine asks of Linux, as plain data in and out.
 *
 *   engine (services, mechanisms)  ──►  Host  ◄── HostClient (frames over a unix socket)
 *                                                     │
 *                                      keeper ──► the local implementation (engine/keeper)
 *
 * Every call is `(params, context) → Promise<result>`; params and results are JSON. Two calls open byte streams.
 * Errors are `EngineError`s and cross the socket whole. A call's `signal` cancels the work at the keeper.
 */

/** Beside each call: a signal that cancels it, and a listener for its progress. */
export interface HostCallContext {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: unknown) => void
}
/** One call of the interface. */
export type Call<P, R = void> = (params: P, context?: HostCallContext) => Promise<R>

/** What this machine gives. */
export interface HostInfo {
  readonly protocol: number
  readonly version: string
  readonly pid: number
  readonly mode: 'rootful' | 'rootless'
  readonly kernel: string
  readonly cgroup: 'v1' | 'hybrid' | 'v2' | 'none'
  /** Below which control group containers are: `/`, or what a user's systemd has delegated; `''`: they have none. */
  readonly cgroupRoot: string
  /** What can be limited there: `cpu`, `memory`, `pids` … */
  readonly controllers: readonly string[]
  /** The namespace where bridges are, `''` when it is the machine's own. */
  readonly innerNetns: string
  readonly cpus: number
  readonly memoryBytes: number
  /** e.g. `runc 1.1.5` */
  readonly runtime: string
  readonly egress: 'kernel' | 'pasta' | 'slirp4netns' | 'none'
  /** Of the default AppArmor profile; `none` where AppArmor confines no container: the kernel has none, or the keeper is not root. */
  readonly appArmor: 'loaded' | 'missing' | 'none'
  readonly warnings: readonly string[]
}

// ── images ──────────────────────────────────────────────────────────────────

/** A layer's bytes: a range of a file, as it lies in an archive or in the blob store. */
export interface ByteRange {
  readonly path: string
  readonly offset: number
  readonly length: number
}

export interface ArchiveEntry {
  readonly name: string
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'other'
  readonly linkName: string
  readonly offset: number
  readonly size: number
}

export interface ScanArchiveResult {
  /** The seekable tar that entries point into: the archive itself, or its inflated copy (`isTemporary`). */
  readonly path: string
  readonly isTemporary: boolean
  readonly entries: readonly ArchiveEntry[]
  /** There are more than are listed: a root file system with very many files, or no image that anybody made. */
  readonly isCut: boolean
}

export interface UnpackLayerParams {
  readonly source: ByteRange
  /** Folder that receives the layer in overlay form; it must not exist. Removed again on failure. */
  readonly destination: string
  /** `sha256:…` of the bytes as they lie in `source`, or `''` when not known. */
  readonly digest: string
  /** `sha256:…` of the inflated tar, or `''` when the layer itself defines it (plain root-file-system tar). */
  readonly diffId: string
  /** Where the verified bytes are kept as a blob (`<hex>` is appended), or `''` for no blob. */
  readonly blobFolder: string
}
export interface UnpackLayerResult {
  readonly digest: string
  readonly diffId: string
  /** Bytes of the regular files unpacked. */
  readonly sizeBytes: number
}
/** Progress of an unpack: bytes of `source` read so far. */
export interface UnpackProgress {
  readonly currentBytes: number
}

// ── containers ──────────────────────────────────────────────────────────────

export interface OverlayMount {
  /** Lowest layer last, as the kernel's `lowerdir` wants them. */
  readonly lower: readonly string[]
  readonly upper: string
  readonly work: string
  readonly target: string
}

/** A file system that a volume has in place of its folder, in the words of mount(8). */
export interface VolumeMount {
  readonly device: string
  readonly type: string
  /** Of `-o`, with commas between. */
  readonly options: string
  readonly target: string
}

export interface CreateContainerParams {
  readonly containerId: string
  /** Holds `config.json`; the keeper adds pid files, the attach socket and the control fifo. */
  readonly bundle: string
  /** `''`: the output is kept nowhere. */
  readonly logPath: string
  readonly logMaxBytes: number
  readonly logMaxFiles: number
  readonly tty: boolean
  readonly openStdin: boolean
}
/** A process by pid and start time (clock ticks since boot), so that a reused pid is not taken for it. */
export interface ProcessRef {
  readonly pid: number
  readonly startTicks: number
}
export interface CreatedContainer {
  readonly init: ProcessRef
  readonly conmon: ProcessRef
}

/** Told on the `events` stream, as JSON lines. */
export type HostEvent =
  | {
      readonly type: 'exit'
      readonly containerId: string
      readonly exitCode: number
      readonly oomKilled: boolean
      readonly shimLost: boolean
      readonly time: string
    }
  | { readonly type: 'health'; readonly containerId: string; readonly exitCode: number; readonly output: string }
  /** A bridge, or ports of it, were taken away by somebody else and made again; `error`: what could not be, tried again later. */
  | {
      readonly type: 'links-mended'
      readonly bridge: string
      readonly links: readonly string[]
      readonly error: string
    }

export interface ExecParams {
  readonly containerId: string
  readonly bundle: string
  readonly execId: string
  /** OCI `process` object. */
  readonly process: unknown
  readonly tty: boolean
  readonly openStdin: boolean
  readonly columns: number
  readonly rows: number
}

export interface RunExecResult {
  readonly exitCode: number
  readonly output: string
}

export interface ProcessTable {
  readonly titles: readonly string[]
  readonly processes: readonly (readonly string[])[]
}

export interface HostStats {
  readonly containerId: string
  /** Milliseconds, monotonic. */
  readonly time: number
  readonly cpuNanoseconds: number
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly pids: number
  readonly rxBytes: number
  readonly txBytes: number
  /** The same by interface, loopback left out. */
  readonly interfaces: readonly { readonly name: string; readonly rxBytes: number; readonly txBytes: number }[]
  readonly readBytes: number
  readonly writtenBytes: number
}

/** What is alive now, for recovery. */
export interface LiveContainer extends CreatedContainer {
  readonly containerId: string
  readonly state: 'running' | 'exited'
  readonly exitCode: number
  readonly oomKilled: boolean
  readonly shimLost: boolean
  /** When it ended, `''` while it runs. */
  readonly exitedAt: string
}

/**
 * Frames of an attach or exec stream, one a chunk.
 * Readable: first byte 2 stdout, 3 stderr, 4 exit code (decimal text), 5 error (a WireError as JSON), then the payload.
 * Of an exec also 6, its pid (decimal text), once it runs.
 * Writable: first byte 0 stdin data, 1 resize (`columns rows` as text), 2 end of stdin, 3 leave without hanging up, then
 * the payload.
 */
export type TerminalStream = Duplex

export interface Host extends NetworkHost, ArchiveHost {
  readonly info: Call<Record<string, never>, HostInfo>
  /** Stops the keeper itself. Containers must be stopped before. */
  readonly shutdown: Call<Record<string, never>>

  readonly scanArchive: Call<{ readonly path: string; readonly temporaryFolder: string }, ScanArchiveResult>
  readonly unpackLayer: Call<UnpackLayerParams, UnpackLayerResult>
  /** Removes a tree whoever owns its files (sub-ids included). Missing is fine. */
  readonly removeTree: Call<{ readonly path: string }>
  /** Makes a folder (and parents) owned by container-root with this mode. */
  readonly makeFolder: Call<{ readonly path: string; readonly mode: number }>
  /** Copies a folder of a root file system (resolved inside `root`) into an empty volume, owners and modes kept. Missing is fine. */
  readonly copyFromRoot: Call<{ readonly root: string; readonly path: string; readonly destination: string }>
  /** Reads a regular file resolved inside `root`, at most `limit` bytes; `null` when it is missing, `root.not-a-file` when it is none. Text. */
  readonly readInRoot: Call<{ readonly root: string; readonly path: string; readonly limit: number }, string | null>

  readonly mountOverlay: Call<OverlayMount>
  readonly unmount: Call<{ readonly target: string }>
  /** Mounts a tmpfs of mode 1777 on a folder that is made; an earlier one there is taken away. */
  readonly mountShm: Call<{ readonly target: string; readonly sizeBytes: number }>
  /** Mounts the file or folder `path`, resolved inside `root` by the kernel, on `target`, which is made. Missing is `path.not-found`. */
  readonly bindInRoot: Call<{ readonly root: string; readonly path: string; readonly target: string }>
  /** Takes every mount in a folder away, and the folder. Missing is fine. */
  readonly releaseMounts: Call<{ readonly folder: string }>
  /** Mounts a volume's file system on its folder; one that is there already stays. What the kernel refuses is `volume.not-mounted`. */
  readonly mountVolume: Call<VolumeMount>
  /** Takes away what is mounted on a volume's folder; what lies there, and what is mounted elsewhere, stays. None is fine. */
  readonly unmountVolume: Call<{ readonly target: string }>
  /** What is mounted below a folder. */
  readonly listMounts: Call<{ readonly folder: string }, readonly string[]>

  /**
   * Sees to it that an AppArmor profile can be used, and answers with its name. The default one is loaded when it is not;
   * `''` when it cannot be. Another that is not loaded is `apparmor.unknown-profile`.
   */
  readonly ensureProfile: Call<{ readonly name: string }, string>

  readonly createContainer: Call<CreateContainerParams, CreatedContainer>
  readonly startContainer: Call<{ readonly containerId: string }>
  readonly signalContainer: Call<{ readonly containerId: string; readonly signal: string; readonly all?: boolean }>
  readonly pauseContainer: Call<{ readonly containerId: string }>
  readonly resumeContainer: Call<{ readonly containerId: string }>
  /** `runc delete --force`; missing is fine. */
  readonly deleteContainer: Call<{ readonly containerId: string }>
  /** Sets the size of a container's terminal. */
  readonly resizeContainer: Call<{ readonly containerId: string; readonly columns: number; readonly rows: number }>
  /** Changes the limits of a running container; `resources` as the OCI spec has them. */
  readonly updateContainer: Call<{ readonly containerId: string; readonly resources: object }>
  /** What ps(1) says of a container's processes: its header and a row each. */
  readonly listProcesses: Call<{ readonly containerId: string; readonly psArgs: readonly string[] }, ProcessTable>
  /** Bytes that the files of a folder take, links not followed and mounts not entered. Missing is 0. */
  readonly treeSize: Call<{ readonly path: string }, number>
  readonly listContainers: Call<Record<string, never>, readonly LiveContainer[]>
  /** Ids of containers of which the keeper or the runtime holds anything: a namespace, open ports, a process. */
  readonly listTraces: Call<Record<string, never>, readonly string[]>
  readonly stats: Call<{ readonly ids: readonly string[] }, readonly HostStats[]>
  /** Runs a process in a container without stdin and waits for it; output capped at 4096 bytes. For healthchecks. */
  readonly runExec: Call<
    { readonly containerId: string; readonly process: unknown; readonly timeoutSeconds: number },
    RunExecResult
  >

  readonly attach: (params: {
    readonly containerId: string
    readonly bundle: string
    readonly tty: boolean
    /** A reader that lags holds the container back; else it is dropped once it is 8 MiB behind. */
    readonly holdsBack?: boolean
  }) => Promise<TerminalStream>
  readonly exec: (params: ExecParams) => Promise<TerminalStream>
  /** `HostEvent`s as they happen; each chunk is one JSON text. */
  readonly events: (params: Record<string, never>) => Promise<Duplex>
}

/** 2: control groups and inner namespace in `info`, `listTraces`. 3: AppArmor in `info`, `ensureProfile`. 4: `mountVolume`. */
export const HOST_PROTOCOL = 4
/** The calls that open a stream; all others are unary. */
export const HOST_STREAMS = ['attach', 'exec', 'events', 'capture'] as const
export type HostStreamName = (typeof HOST_STREAMS)[number]
