import { isAlive } from '../../libc/process.ts'
import type { ContainerFile, ContainerFiles, ExitRecord } from './records.ts'

/** A container that the keeper follows. */
export interface WatchedContainer {
  file: ContainerFile
  /** Whether the keeper that made it saw it made. */
  readonly isComplete: boolean
  readonly exited: Promise<ExitRecord>
  markExited(exit: ExitRecord): void
  onExit(listener: () => void): void
  /** Stops what runs beside it, without an exit. */
  letGo(): void
}

/** Starts to follow a container. */
export function watched(file: ContainerFile, isComplete = true): WatchedContainer {
  const listeners: (() => void)[] = []
  let resolveExited: (exit: ExitRecord) => void = () => {}
  const exited = new Promise<ExitRecord>((resolve) => (resolveExited = resolve))
  const letGo = () => {
    for (const listener of listeners.splice(0)) listener()
  }
  return {
    file,
    isComplete,
    exited,
    markExited(exit) {
      this.file = { ...this.file, exit }
      letGo()
      resolveExited(exit)
    },
    onExit: (listener) => void listeners.push(listener),
    letGo,
  }
}

/**
 * Finds out how a container whose conmon is gone ended, and writes it down before anyone is told. Without an exit file
 * the shim was lost: whatever still runs is killed and the code is 255. `null` when the exit is known already.
 */
export async function settleExit(
  container: WatchedContainer,
  files: ContainerFiles,
  kill: (id: string) => Promise<void>,
): Promise<ExitRecord | null> {
  let exit = files.readExit(container.file)
  if (!exit) {
    if (isAlive(container.file.init)) await kill(container.file.containerId)
    exit = { exitCode: 255, oomKilled: false, shimLost: true, time: new Date().toISOString() }
  }
  if (container.file.exit) return null
  container.markExited(exit)
  files.put(container.file)
  return exit
}
