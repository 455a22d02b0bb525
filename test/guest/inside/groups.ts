import { lifeScenarios } from './life.ts'
import { networkScenarios } from './networks.ts'
import { overlayScenarios } from './overlays.ts'
import { delegatedScenarios, undelegatedScenarios } from './rootless.ts'
import type { Group } from './scenario.ts'

/** Everything that the guest tries. */
export const GROUPS: readonly Group[] = [
  // Two engines and an etcd need the memory that what others leave behind would take.
  { name: 'two hosts of a cluster', scenarios: overlayScenarios },
  { name: 'root with runc', scenarios: [...lifeScenarios('runc'), ...networkScenarios] },
  { name: 'root with crun', scenarios: lifeScenarios('crun') },
  { name: 'a user with delegation', scenarios: delegatedScenarios },
  { name: 'a user without delegation', scenarios: undelegatedScenarios },
]
