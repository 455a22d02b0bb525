import type { ReactNode } from 'react'

/** One thing that can be set: what it is, what it means, and the control beside it. */
export function Setting({
  title,
  text,
  children,
}: {
  readonly title: string
  readonly text?: string
  readonly children: ReactNode
}) {
  return (
    <div className="setting">
      <span>
        <span>{title}</span>
        {text && <span className="quiet">{text}</span>}
      </span>
      {children}
    </div>
  )
}
