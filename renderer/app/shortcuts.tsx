import { Modal } from '@mantine/core'
import { type RefObject, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Facts } from '../components/facts.tsx'
import { useDialog } from '../state/dialog.ts'
import { useView } from '../state/view.ts'
import { PAGES } from './pages.ts'

/** The keys of the window and what they do, opened by `?`. */
export function ShortcutsDialog() {
  const { t } = useTranslation()
  const { dialog, close } = useDialog()
  if (dialog?.type !== 'shortcuts') return null
  return (
    <Modal opened onClose={close} title={t('keyboard')} closeButtonProps={{ 'aria-label': t('close') }}>
      <div data-testid="shortcuts">
        <Facts
          facts={[
            ['Ctrl+K', t('keys.palette')],
            [`Ctrl+1 … ${PAGES.length}`, t('keys.pages')],
            ['/', t('keys.filter')],
            ['Ctrl+N', t('keys.run')],
            ['↑ ↓ Enter', t('keys.list')],
            ['Space, Delete', t('keys.select')],
            ['Shift+F10', t('keys.menu')],
            ['Ctrl+Shift+C, V', t('keys.clipboard')],
            ['Ctrl+Shift+F', t('keys.find')],
            ['Shift+Esc', t('keys.leave')],
            ['?', t('keys.help')],
          ]}
        />
      </div>
    </Modal>
  )
}

/** Ctrl+1… goes to a page, `/` to the filter, Ctrl+N runs, `?` shows all of them. Ctrl+K belongs to the palette. */
export function useShortcuts(box: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea, [contenteditable]')
      const entry = event.ctrlKey && !event.shiftKey ? PAGES[Number(event.key) - 1] : undefined
      if (entry) useView.getState().show(entry.page)
      else if (isTyping) return
      else if (event.key === '/') box.current?.focus()
      else if (event.key === '?') useDialog.getState().show({ type: 'shortcuts' })
      else if (event.ctrlKey && event.key === 'n') useDialog.getState().show({ type: 'run', image: '' })
      else return
      event.preventDefault()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [box])
}
