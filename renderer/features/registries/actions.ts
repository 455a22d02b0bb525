import type { TFunction } from 'i18next'
import { create } from 'zustand'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { queryClient, registryList } from '../../app/queries.ts'
import { reportFailureOf } from '../../state/activity.ts'

/** What registries said when they were last tested, by host. */
export const useTested = create<Readonly<Record<string, string>>>(() => ({}))

/** Logins live outside the engine's own records, so no event tells of a change. */
export const reloadLogins = () => queryClient.invalidateQueries({ queryKey: registryList.queryKey })

/** Asks a registry with the login that is kept; the page shows what it says. */
export const testLogin = (host: string, t: TFunction): Promise<void> =>
  api.registry.test({ host }).then(
    ({ username }) => useTested.setState({ [host]: t('registries.works', { username }) }),
    (error: unknown) => useTested.setState({ [host]: errorText(error) }),
  )

/** Forgets a login wherever it is kept. */
export const logOut = (host: string, t: TFunction): void =>
  reportFailureOf(`${t('registries.logout')}: ${host}`, api.registry.logout({ host }).then(reloadLogins))
