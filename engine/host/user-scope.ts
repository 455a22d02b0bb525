import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'

/** The slice of all containers of a user, whichever engine they belong to. */
const SLICE = 'slipway.slice'
const RUNNERS = ['/usr/bin/systemd-run', '/bin/systemd-run']

/** Whether a systemd looks after this user's processes, so that it can delegate control groups. */
export function hasUserManager(env: NodeJS.ProcessEnv = process.env): boolean {
  const folder = env['XDG_RUNTIME_DIR'] ?? ''
  return folder !== '' && existsSync(path.join(folder, 'systemd/private')) && findRunner() !== ''
}

/** Name of a scope for a new keeper of a runtime folder, a new one each time; `''` where there is no user manager. */
export function newScope(runtimeDir: string): string {
  if (!hasUserManager()) return ''
  const tag = createHash('sha256').update(runtimeDir).digest('hex').slice(0, 8)
  return `slipway-${tag}-${randomBytes(4).toString('hex')}.scope`
}

/** argv in front of a command that shall run in a delegated scope; it replaces itself by the command (systemd-run(1)). */
export function scopeArguments(scope: string): string[] {
  return [
    ...[findRunner(), '--user', '--scope', '--quiet', '--collect', `--slice=${SLICE}`, `--unit=${scope}`],
    ...['--property=Delegate=yes', '--description=Slipway: containers', '--'],
  ]
}

const findRunner = (): string => RUNNERS.find((file) => existsSync(file)) ?? ''
