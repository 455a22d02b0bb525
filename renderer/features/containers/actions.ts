import i18next from 'i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api, desktop } from '../../api/client.ts'
import { reportFailure, reportFailureOf } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useDock } from '../../state/dock.ts'
import { useView } from '../../state/view.ts'

/** What can be done to a container with no question asked. */
export type Verb = 'start' | 'stop' | 'restart' | 'pause' | 'unpause' | 'kill'

/** Whether a verb makes sense in the container's state. */
export function canDo(verb: Verb | 'exec' | 'attach', { status }: ContainerSummary): boolean {
  const isAlive = status === 'running' || status === 'paused'
  switch (verb) {
    case 'start':
      return status === 'created' || status === 'exited' || status === 'dead'
    case 'unpause':
      return status === 'paused'
    case 'pause':
    case 'exec':
    case 'attach':
      return status === 'running'
    case 'stop':
      return isAlive || status === 'restarting'
    case 'restart':
    case 'kill':
      return isAlive
  }
}

/** Runs a verb on one or many; what fails stays in Activity, each by its own name. */
export async function act(verb: Verb, containers: readonly ContainerSummary[]): Promise<void> {
  await Promise.all(
    containers
      .filter((container) => canDo(verb, container))
      .map(({ id, name }) =>
        api.container[verb]({ id }).catch((error: unknown) => {
          if (EngineError.from(error).code !== 'notModified')
            reportFailure(i18next.t('failedVerb', { verb: i18next.t(`verb.${verb}`), name }), error, {
              type: 'container',
              verb,
              id,
            })
        }),
      ),
  )
}

/** Asks before it removes, and says what will be lost. */
export function askRemove(containers: readonly ContainerSummary[], onDone: () => void = () => {}): void {
  const [first] = containers
  if (!first) return
  const running = containers.filter(({ status }) => status === 'running' || status === 'paused').length
  useDialog.getState().show({
    type: 'confirm',
    title: i18next.t('removeTitle', { count: containers.length, name: first.name }),
    text: `${i18next.t('removeText', { names: containers.map(({ name }) => name).join(', ') })} ${
      running > 0 ? i18next.t('removeRunning', { count: running }) : ''
    }`,
    verb: i18next.t('verb.remove'),
    act: () => Promise.all(containers.map(({ id }) => api.container.remove({ id, force: true }))).then(() => onDone()),
  })
}

/** Shows a container on its own page. */
export const openContainer = (id: string): void => useView.getState().reveal('containers', id)

/** Opens a tab of the dock for a container. */
export function openDock(kind: 'exec' | 'attach' | 'logs', { id, name }: ContainerSummary): void {
  useDock.getState().open({ kind, containerId: id, title: name })
}

/** Opens a published port in the system's browser. */
export function openPort(hostIp: string, hostPort: number): void {
  const host = hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::' ? 'localhost' : hostIp
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${hostPort}`
  reportFailureOf(url, desktop.openExternal({ url }))
}
