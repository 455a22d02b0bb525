import type { TFunction } from 'i18next'
import type { DiskUsage } from '../../../engine/contract/system.ts'
import { api } from '../../api/client.ts'
import { diskUsage, queryClient } from '../../app/queries.ts'
import { formatBytes } from '../../lib/format.ts'
import { reportFailure } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'

/** What can be cleaned up in one go. */
export type CleanUp = 'dangling' | 'unused' | 'containers' | 'volumes'

const STOPPED = new Set(['created', 'exited', 'dead'])

/** Containers that do not run and hold nothing open. */
export const stoppedContainers = ({ containers }: DiskUsage): DiskUsage['containers'] =>
  containers.filter(({ status }) => STOPPED.has(status))

/** Volumes that no container names, running or not. */
export const unusedVolumes = ({ volumes }: DiskUsage): DiskUsage['volumes'] =>
  volumes.filter(({ usedBy }) => usedBy.length === 0)

/** Bytes that a clean-up frees, as measured. */
export function freedBy(usage: DiskUsage, what: CleanUp): number {
  const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0)
  switch (what) {
    case 'dangling':
      return usage.danglingBytes
    case 'unused':
      return usage.unusedBytes
    case 'containers':
      return sum(stoppedContainers(usage).map(({ ownBytes }) => ownBytes))
    case 'volumes':
      return sum(unusedVolumes(usage).map(({ sizeBytes }) => sizeBytes))
  }
}

/** Shows what would go, by name, and removes it when that is agreed to. */
export async function askCleanUp(usage: DiskUsage, what: CleanUp, t: TFunction): Promise<void> {
  try {
    const { items, act } = await planOf(usage, what)
    useDialog.getState().show({
      type: 'confirm',
      title: t(`disk.${what}`),
      text: t(`disk.${what}Text`, { size: formatBytes(freedBy(usage, what)), count: items.length }),
      items,
      verb: t('verb.remove'),
      act: () => act().finally(() => queryClient.invalidateQueries({ queryKey: diskUsage.queryKey })),
    })
  } catch (error) {
    reportFailure(t(`disk.${what}`), error)
  }
}

/** The same where nothing was measured yet. */
export function measureAndAsk(what: CleanUp, t: TFunction): Promise<void> {
  return api.system.diskUsage({}).then(
    (usage) => askCleanUp(usage, what, t),
    (error: unknown) => reportFailure(t(`disk.${what}`), error),
  )
}

async function planOf(
  usage: DiskUsage,
  what: CleanUp,
): Promise<{ readonly items: readonly string[]; readonly act: () => Promise<unknown> }> {
  if (what === 'containers') {
    const gone = stoppedContainers(usage)
    return {
      items: gone.map(({ name }) => name),
      act: () => inTurn(gone, ({ id }) => api.container.remove({ id, force: false, volumes: false })),
    }
  }
  if (what === 'volumes') {
    const gone = unusedVolumes(usage)
    return { items: gone.map(({ name }) => name), act: () => inTurn(gone, ({ name }) => api.volume.remove({ name })) }
  }
  const all = what === 'unused'
  const { deleted } = await api.image.prune({ all, dryRun: true })
  return { items: namesOf(usage, deleted), act: () => api.image.prune({ all }) }
}

/** Images by their names; what nobody named by the beginning of its id. */
function namesOf({ images }: DiskUsage, deleted: readonly string[]): readonly string[] {
  return images
    .filter(({ id }) => deleted.includes(id))
    .map(({ id, references }) => references.join(', ') || id.slice(7, 19))
}

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (const item of items) await work(item)
}
