import { Tooltip } from '@mantine/core'
import { useEffect, useState } from 'react'

const DELAY_MS = 400

/** The one tooltip of the window: it tells the `data-tip` of what the pointer rests on, or the keyboard's focus is on. */
export function Tips() {
  const [at, setAt] = useState<HTMLElement | null>(null)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let next: HTMLElement | null = null
    const look = (target: EventTarget | null) => {
      const found = target instanceof Element ? target.closest<HTMLElement>('[data-tip]') : null
      if (found === next) return
      next = found
      clearTimeout(timer)
      setAt(null)
      if (found) timer = setTimeout(() => setAt(found.isConnected ? found : null), DELAY_MS)
    }
    const onPointer = ({ target }: Event) => look(target)
    const onFocus = ({ target }: Event) =>
      look(target instanceof Element && target.matches(':focus-visible') ? target : null)
    const leave = () => look(null)
    const ways = { pointerover: onPointer, focusin: onFocus, pointerdown: leave, keydown: leave, scroll: leave }
    for (const [type, listener] of Object.entries(ways)) document.addEventListener(type, listener, true)
    return () => {
      clearTimeout(timer)
      for (const [type, listener] of Object.entries(ways)) document.removeEventListener(type, listener, true)
    }
  }, [])
  return at && <Tooltip target={at} label={at.dataset['tip']} opened />
}
