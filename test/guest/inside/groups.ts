import { lifeScenarios } from './life.ts'
import { networkScenarios } from './networks.ts'
import { delegatedScenarios, undelegatedScenarios } from './rootless.ts'
import type { Group } from './scenario.ts'

/** Everything that the guest tries. */
export const GROUPS: readonly Group[] = [
  { name: 'root with runc', scenarios: [...lifeScenarios('runc'), ...networkScenarios] },
  { name: 'root with crun', scenarios: lifeScenarios('crun') },
  { name: 'a user with delegation', scenarios: delegatedScenarios },
  { name: 'a user without delegation', scenarios: undelegatedScenarios },
]
