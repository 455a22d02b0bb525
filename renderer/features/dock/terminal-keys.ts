import type { Terminal } from '@xterm/xterm'

/** What a key of a terminal does here instead of in its program. */
export interface TerminalKeys {
  readonly onFind: () => void
  /** Leads the keyboard out of the terminal, which takes Tab for itself. */
  readonly onLeave: () => void
}

/**
 * Answers whether a key belongs to the program. Ctrl+Shift and a letter are the window's, since Ctrl and a letter are
 * the program's: C copies, V pastes (the browser does so by itself), F finds. Shift+Escape leaves.
 */
export function isForProgram(terminal: Terminal, event: KeyboardEvent, { onFind, onLeave }: TerminalKeys): boolean {
  if (event.type !== 'keydown' || !event.shiftKey) return true
  if (event.code === 'Escape' && !event.ctrlKey) onLeave()
  else if (!event.ctrlKey) return true
  // No permission is needed to copy what is selected as if from the menu.
  else if (event.code === 'KeyC') terminal.hasSelection() && document.execCommand('copy')
  else if (event.code === 'KeyF') onFind()
  else return event.code !== 'KeyV'
  event.preventDefault()
  event.stopPropagation()
  return false
}
