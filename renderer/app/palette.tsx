import { Spotlight } from '@mantine/spotlight'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { flushSync } from 'react-dom'
import { useTranslation } from 'react-i18next'
import { matchActions, type PaletteAction, paletteActions } from './palette-actions.ts'
import { containerList, imageList, networkList, volumeList } from './queries.ts'

const MOST_SHOWN = 50

/** Ctrl+K: every object and every action by name. A terminal keeps the key for itself. */
export function Palette() {
  const { t } = useTranslation()
  const [typed, setTyped] = useState('')
  const { data: containers = [] } = useQuery(containerList)
  const { data: images = [] } = useQuery(imageList)
  const { data: volumes = [] } = useQuery(volumeList)
  const { data: networks = [] } = useQuery(networkList)
  const actions = useMemo(
    () => paletteActions({ containers, images, volumes, networks }, t),
    [containers, images, volumes, networks, t],
  )
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
      // The list must be drawn before the kit marks its first line, else the mark is lost with the old lines.
      onQueryChange={(text) => flushSync(() => setTyped(text))}
      nothingFound={t('paletteEmpty')}
      shortcut="mod + K"
      tagsToIgnore={['TEXTAREA']}
      scrollable
      maxHeight={420}
      transitionProps={{ duration: 60 }}
      searchProps={searchProps}
    />
  )
}
