import { TextInput } from '@mantine/core'
import { IconChevronDown, IconChevronUp, IconX } from '@tabler/icons-react'
import type { SearchAddon } from '@xterm/addon-search'
import { type KeyboardEvent, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '../../components/icon-button.tsx'

const DECORATIONS = {
  matchBackground: '#3d4a1f',
  matchOverviewRuler: '#8aa63a',
  activeMatchBackground: '#b58a1b',
  activeMatchColorOverviewRuler: '#f0c040',
}

interface FindBarProps {
  readonly search: SearchAddon
  readonly onClose: () => void
}

/** Finds text in what a terminal shows and has shown: Enter for the next one, Shift+Enter for the one before. */
export function FindBar({ search, onClose }: FindBarProps) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const [found, setFound] = useState({ resultIndex: -1, resultCount: 0 })
  useEffect(() => {
    const listener = search.onDidChangeResults(setFound)
    return () => {
      listener.dispose()
      search.clearDecorations()
    }
  }, [search])
  const go = (direction: 'next' | 'previous', typed = text, incremental = false) => {
    if (typed === '') {
      search.clearDecorations()
      return
    }
    const options = { decorations: DECORATIONS, incremental }
    if (direction === 'next') search.findNext(typed, options)
    else search.findPrevious(typed, options)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') onClose()
    else if (event.key === 'Enter') go(event.shiftKey ? 'previous' : 'next')
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const count =
    found.resultCount === 0 ? t('find.none') : t('find.count', { at: found.resultIndex + 1, of: found.resultCount })
  return (
    <search className="find-bar" data-mantine-color-scheme="dark">
      <TextInput
        w={200}
        autoFocus
        aria-label={t('find.text')}
        placeholder={t('find.text')}
        value={text}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setText(event.currentTarget.value)
          go('next', event.currentTarget.value, true)
        }}
        data-testid="terminal-find"
      />
      <span role="status" data-testid="terminal-found">
        {text === '' ? '' : count}
      </span>
      <IconButton label={t('find.previous')} Icon={IconChevronUp} onClick={() => go('previous')} />
      <IconButton label={t('find.next')} Icon={IconChevronDown} onClick={() => go('next')} />
      <IconButton label={t('close')} Icon={IconX} onClick={onClose} />
    </search>
  )
}
