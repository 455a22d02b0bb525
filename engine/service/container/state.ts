import type { ContainerStatus } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord } from '../../store/schema.ts'

/** The legal moves of a container. Anything else is a conflict that names both states. */
const MOVES: Readonly<Record<ContainerStatus, readonly ContainerStatus[]>> = {
  created: ['running', 'removing', 'exited'],
  running: ['paused', 'exited', 'restarting', 'removing'],
  paused: ['running', 'exited', 'restarting', 'removing'],
  restarting: ['running', 'exited', 'removing'],
  exited: ['running', 'restarting', 'removing'],
  dead: ['removing'],
  removing: ['dead'],
}

/** Whether a container may go from one state to another. */
export function canMove(from: ContainerStatus, to: ContainerStatus): boolean {
  return MOVES[from].includes(to)
}

/** Refuses an illegal move. */
export function assertMove(name: string, from: ContainerStatus, to: ContainerStatus): void {
  if (canMove(from, to)) return
  throw new EngineError('conflict', 'container.state', `container "${name}" is ${from} and cannot become ${to}`, {
    details: { from, to, name },
  })
}

/** Whether there is a process. */
export function isAlive(status: ContainerStatus): boolean {
  return status === 'running' || status === 'paused'
}

/** Whether there is a process, or one is planned by the restart policy. */
export function goesOn(status: ContainerStatus): boolean {
  return isAlive(status) || status === 'restarting'
}

/** Whether a container holds addresses and has a place on its networks: it runs, or is being started. */
export function holdsAddresses(
  { id, state }: Pick<ContainerRecord, 'id' | 'state'>,
  starting: ReadonlySet<string>,
): boolean {
  return isAlive(state.status) || starting.has(id)
}
