import {
  IconActivity,
  IconBox,
  IconDatabase,
  IconDisc,
  IconNetwork,
  IconServer2,
  IconSettings,
  IconSitemap,
  IconStack2,
  type Icon as IconType,
} from '@tabler/icons-react'
import type { ComponentType } from 'react'
import { ActivityPage } from '../features/activity/page.tsx'
import { ContainersPage } from '../features/containers/page.tsx'
import { DiskPage } from '../features/disk/page.tsx'
import { ImagesPage } from '../features/images/page.tsx'
import { NetworksPage } from '../features/networks/page.tsx'
import { RegistriesPage } from '../features/registries/page.tsx'
import { SettingsPage } from '../features/settings/page.tsx'
import { TopologyPage } from '../features/topology/page.tsx'
import { VolumesPage } from '../features/volumes/page.tsx'
import type { Page } from '../state/view.ts'

/** The pages in the order of the rail; Ctrl+1… goes to them by their place. */
export const PAGES: readonly { readonly page: Page; readonly Icon: IconType; readonly Body: ComponentType }[] = [
  { page: 'containers', Icon: IconBox, Body: ContainersPage },
  { page: 'images', Icon: IconStack2, Body: ImagesPage },
  { page: 'volumes', Icon: IconDatabase, Body: VolumesPage },
  { page: 'networks', Icon: IconNetwork, Body: NetworksPage },
  { page: 'topology', Icon: IconSitemap, Body: TopologyPage },
  { page: 'registries', Icon: IconServer2, Body: RegistriesPage },
  { page: 'disk', Icon: IconDisc, Body: DiskPage },
  { page: 'activity', Icon: IconActivity, Body: ActivityPage },
  { page: 'settings', Icon: IconSettings, Body: SettingsPage },
]
