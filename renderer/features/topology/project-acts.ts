import i18next from 'i18next'
import { useTopology } from '../../state/topology.ts'
import { act, askRemove, canDo, type Verb } from '../containers/actions.ts'
import type { ProjectNode } from './graph.ts'

/** One thing to do to a whole Compose project. */
export interface ProjectAct {
  readonly key: 'start' | 'stop' | 'restart' | 'unfold' | 'remove'
  readonly label: string
  readonly isDisabled: boolean
  readonly run: () => void
}

/** Everything that can be done to a project that is shown as one node. */
export function projectActs({ name, containers }: Pick<ProjectNode, 'name' | 'containers'>): readonly ProjectAct[] {
  const all = (verb: Verb & ProjectAct['key']): ProjectAct => ({
    key: verb,
    label: i18next.t(`topology.project.${verb}`),
    isDisabled: !containers.some((container) => canDo(verb, container)),
    run: () => void act(verb, containers),
  })
  return [
    all('start'),
    all('stop'),
    all('restart'),
    {
      key: 'unfold',
      label: i18next.t('topology.project.unfold'),
      isDisabled: false,
      run: () => useTopology.getState().toggleProject(name),
    },
    {
      key: 'remove',
      label: `${i18next.t('topology.project.remove')}…`,
      isDisabled: containers.length === 0,
      run: () => askRemove(containers),
    },
  ]
}
