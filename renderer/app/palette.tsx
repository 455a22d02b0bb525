import { Spotlight } from '@mantine/spotlight'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSetTheme } from '../features/desktop/use-theme.ts'
import { matchActions, type PaletteAction, paletteActions } from './palette-actions.ts'
import { containerList, imageList, networkList, registryList, volumeList } from './queries.ts'

const MOST_SHOWN = 50

/** Ctrl+K: every object and every action by name. A terminal keeps the key for itself. */
export function Palette() {
  const { t } = useTranslation()
  const setTheme = useSetTheme()
  const [typed, setTyped] = useState('')
  const { data: containers = [] } = useQuery(containerList)
  const { data: images = [] } = useQuery(imageList)
  const { data: volumes = [] } = useQuery(volumeList)
  const { data: networks = [] } = useQuery(networkList)
  // Helpers of the keyring are asked for these: not before somebody looks.
  const [isUsed, setUsed] = useState(false)
  const { data: logins = [] } = useQuery({ ...registryList, enabled: isUsed })
  const actions = useMemo(
    () => paletteActions({ containers, images, volumes, networks, logins }, t, setTheme),
    [containers, images, volumes, networks, logins, t, setTheme],
  )
  useEffect(markFirst, [typed, actions])
  const searchProps = {
    placeholder: t('paletteHint'),
    'aria-label': t('palette'),
    leftSection: <IconSearch size={16} />,
    'data-testid': 'palette',
  }
  return (
    <Spotlight
      actions={[...actions]}
      filter={(text, all) => [...matchActions(all as PaletteAction[], text)]}
      limit={MOST_SHOWN}
      query={typed}
      onQueryChange={setTyped}
      onSpotlightOpen={() => setUsed(true)}
      nothingFound={t('paletteEmpty')}
      shortcut="mod + K"
      tagsToIgnore={['TEXTAREA']}
      scrollable
      maxHeight={420}
      overlayProps={{ backgroundOpacity: 0.35, blur: 0 }}
      transitionProps={{ duration: 60 }}
      searchProps={searchProps}
    />
  )
}

/** Marks the first line as the one that Enter takes. The kit does so when one types, but not for lines that come later. */
function markFirst(): void {
  const list = document.querySelector('.mantine-Spotlight-actionsList')
  if (!list?.querySelector('[data-selected]'))
    list?.querySelector('[data-action]')?.setAttribute('data-selected', 'true')
}
