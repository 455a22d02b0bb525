import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** Another machine: a network namespace on the far side of a veth pair. Needs root. */
export interface Machine {
  /** Runs a Node script there; answers with what it prints. */
  run(script: string): string
  remove(): void
}

/** Makes a machine that has `ours` as its gateway to this one. */
export function makeMachine(ours: string, theirs: string): Machine {
  const name = `slwt${randomBytes(3).toString('hex')}`
  const ip = (...args: string[]) => execFileSync('ip', args)
  ip('netns', 'add', name)
  try {
    ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('addr', 'add', `${ours}/24`, 'dev', name)
    ip('link', 'set', name, 'up')
    ip('-n', name, 'addr', 'add', `${theirs}/24`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    ip('-n', name, 'route', 'add', 'default', 'via', ours)
  } catch (error) {
    ip('netns', 'delete', name)
    throw error
  }
  return {
    run: (script) =>
      execFileSync('ip', ['netns', 'exec', name, process.execPath, '-e', script], { timeout: 10_000 })
        .toString()
        .trim(),
    remove: () => void ip('netns', 'delete', name),
  }
}
