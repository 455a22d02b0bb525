import type { Icon } from '@tabler/icons-react'
import type { ReactNode } from 'react'

/** A page with nothing on it yet: what it is for, and the next step. */
export function Empty({
  Icon,
  title,
  text,
  children,
}: {
  readonly Icon: Icon
  readonly title: string
  readonly text: string
  readonly children?: ReactNode
}) {
  return (
    <div className="empty" data-testid="empty">
      <Icon size={40} stroke={1.2} aria-hidden color="var(--quiet)" />
      <h2>{title}</h2>
      <p>{text}</p>
      {children}
    </div>
  )
}
