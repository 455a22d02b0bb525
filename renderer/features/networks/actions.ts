import i18next from 'i18next'
import { type NetworkSummary, PREDEFINED_NETWORKS } from '../../../engine/contract/network.ts'
import { api } from '../../api/client.ts'
import { reportFailure } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'

/** Whether a network may be removed at all: those that are always there may not. */
export const canRemove = ({ name }: NetworkSummary): boolean => !PREDEFINED_NETWORKS.includes(name)
/** Whether a container can be given a place on it while it lives. */
export const canConnect = ({ driver }: NetworkSummary): boolean => driver !== 'host' && driver !== 'none'
/** The networks that a prune takes away. */
export const unusedOf = (networks: readonly NetworkSummary[]): readonly NetworkSummary[] =>
  networks.filter((network) => canRemove(network) && network.endpoints.length === 0)

const namesOf = (networks: readonly NetworkSummary[]) => networks.map(({ name }) => name).join(', ')

/** Asks before it removes, and says who is still on the networks. */
export function askRemoveNetworks(networks: readonly NetworkSummary[], onDone: () => void = () => {}): void {
  const removable = networks.filter(canRemove)
  const [first] = removable
  if (!first) return
  const members = removable.flatMap(({ endpoints }) => endpoints.map(({ name }) => name))
  useDialog.getState().show({
    type: 'confirm',
    title: i18next.t('removeTitle', { count: removable.length, name: first.name }),
    text: [
      i18next.t('networks.removeText', { names: namesOf(removable) }),
      ...(members.length > 0 ? [i18next.t('networks.removeUsed', { names: members.join(', ') })] : []),
    ].join(' '),
    verb: i18next.t('verb.remove'),
    act: async () => {
      for (const { id } of removable) await api.network.remove({ id })
      onDone()
    },
  })
}

/** Asks before it removes every network that nobody is on, by their names. */
export function askPruneNetworks(networks: readonly NetworkSummary[]): void {
  const unused = unusedOf(networks)
  useDialog.getState().show({
    type: 'confirm',
    title: i18next.t('networks.pruneTitle', { count: unused.length }),
    text: i18next.t('networks.pruneText', { names: namesOf(unused) }),
    verb: i18next.t('networks.prune'),
    act: () => api.network.prune({}),
  })
}

/** Takes a container off a network; what fails stays in Activity. */
export async function disconnect(network: NetworkSummary, container: { id: string; name: string }): Promise<void> {
  await api.network
    .disconnect({ id: network.id, container: container.id })
    .catch((error: unknown) =>
      reportFailure(i18next.t('networks.disconnectOne', { name: container.name, network: network.name }), error),
    )
}
