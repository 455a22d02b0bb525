import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const MOUNT = '/sys/fs/cgroup'

/** Where containers' control groups go, and what can be limited there. */
export interface ContainerGroups {
  /** The group that theirs are made below; `''`: they have none. */
  readonly root: string
  readonly controllers: readonly string[]
}

/*
 * Root makes groups where it likes. A user's keeper is started in a scope of its own that the user's systemd delegates:
 *
 *   user@1000.service/slipway.slice/slipway-….scope   `delegate`: ours to divide, with the controllers switched on
 *     keeper/                                          this process, conmon, port proxy: a group with children has no processes
 *     <container>/                                     made by the runtime
 *
 * It is beside the app's scope and not in it, so that an end of the app, also one by the kernel for want of memory,
 * does not reach containers.
 */

/** Finds or takes the groups that containers can have. `scope` is the unit that this process was started in, `null` as root. */
export function takeGroups(scope: string | null): ContainerGroups {
  if (scope === null) return { root: '/', controllers: rootControllers() }
  const group = unifiedGroup(read('/proc/self/cgroup'))
  // Another's group, the app's for one, is not ours to divide even where we might.
  if (scope === '' || !group.endsWith(`/${scope}`)) return { root: '', controllers: [] }
  try {
    return { root: group, controllers: divide(`${MOUNT}${group}`) }
  } catch {
    return { root: '', controllers: [] }
  }
}

/** The group in the unified hierarchy, from the text of `/proc/PID/cgroup`. */
export function unifiedGroup(text: string): string {
  return /^0::(.*)$/m.exec(text)?.[1] ?? ''
}

/** Moves what runs in a group into a child and switches its controllers on for the others. Answers with those. */
function divide(folder: string): string[] {
  accessSync(`${folder}/cgroup.subtree_control`, constants.W_OK)
  mkdirSync(`${folder}/keeper`, { recursive: true })
  for (const pid of words(read(`${folder}/cgroup.procs`))) writeFileSync(`${folder}/keeper/cgroup.procs`, pid)
  for (const name of words(read(`${folder}/cgroup.controllers`))) {
    try {
      writeFileSync(`${folder}/cgroup.subtree_control`, `+${name}`)
    } catch {
      // Not for us; what is on is read below.
    }
  }
  return words(read(`${folder}/cgroup.subtree_control`))
}

/** Every controller of the machine, in whichever hierarchy. */
function rootControllers(): string[] {
  const unified = words(read(`${MOUNT}/cgroup.controllers`))
  const v1 = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(' - cgroup '))
    .flatMap((line) => line.split(' ').at(-1)?.split(',') ?? [])
  return [...new Set([...unified, ...v1])]
}

const words = (text: string): string[] => text.split(/\s+/).filter(Boolean)

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
