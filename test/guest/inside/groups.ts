import { appArmorScenarios, confines, confinesNobody } from './apparmor.ts'
import { lifeScenarios } from './life.ts'
import { networkScenarios } from './networks.ts'
import { overlayScenarios } from './overlays.ts'
import { delegatedScenarios, undelegatedScenarios } from './rootless.ts'
import type { Group } from './scenario.ts'

/** Everything that the guest tries. */
export const GROUPS: readonly Group[] = [
  // Two engines and an etcd need the memory that what others leave behind would take.
  { name: 'two hosts of a cluster', scenarios: overlayScenarios },
  { name: 'root with runc', scenarios: [...lifeScenarios('runc'), ...networkScenarios, ...appArmorScenarios] },
  {
    name: 'root with crun',
    scenarios: [
      ...lifeScenarios('crun'),
      { title: 'confines a container and what is run in it beside by the default profile', run: confines },
    ],
  },
  {
    name: 'a user with delegation',
    scenarios: [
      ...delegatedScenarios,
      { title: 'gives no AppArmor profile, and discards one by Docker’s name', run: confinesNobody },
    ],
  },
  { name: 'a user without delegation', scenarios: undelegatedScenarios },
]
