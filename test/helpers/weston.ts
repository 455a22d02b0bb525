import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { waitUntil } from './engine.ts'

export const hasWeston = spawnSync('weston', ['--version']).status === 0

/** A Wayland session of the test's own. */
export interface WaylandSession {
  /** What a program of the session finds in its environment; there is no X server. */
  readonly env: Readonly<Record<string, string>>
  readonly socket: string
  stop(): Promise<void>
}

/** Starts a real weston without a screen, which draws into memory, with its socket in `folder`. */
export async function startWeston(folder: string): Promise<WaylandSession> {
  const name = 'wayland-test'
  const server = spawn(
    'weston',
    [
      '--backend=headless-backend.so',
      ...['--width=1920', '--height=1200', '--use-pixman', '--idle-time=0', '--no-config'],
      ...[`--socket=${name}`, `--log=${path.join(folder, 'weston.log')}`],
    ],
    { stdio: 'ignore', env: { ...process.env, XDG_RUNTIME_DIR: folder } },
  )
  const hasEnded = () => server.exitCode !== null || server.signalCode !== null
  const socket = path.join(folder, name)
  await waitUntil(() => existsSync(socket) || hasEnded(), 'weston')
  if (hasEnded()) throw new Error(`weston ended with code ${server.exitCode} before it served`)
  return {
    socket,
    env: { WAYLAND_DISPLAY: name, XDG_SESSION_TYPE: 'wayland', DISPLAY: '' },
    async stop() {
      server.kill('SIGTERM')
      await waitUntil(hasEnded, 'the end of weston')
    },
  }
}
