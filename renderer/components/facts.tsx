import type { ReactNode } from 'react'

/** A value that is an address, an id or a name of the kernel's; `''` stays nothing. */
export const mono = (text: string | undefined): ReactNode => (text ? <span className="mono">{text}</span> : '')

/** Names and values under a title; empty values are left out. */
export function Facts({
  title,
  facts,
}: {
  readonly title?: string
  readonly facts: readonly (readonly [string, ReactNode])[]
}) {
  const known = facts.filter(([, value]) => value !== '' && value !== null && value !== undefined)
  if (known.length === 0) return null
  return (
    <>
      {title && <h2 className="facts-title">{title}</h2>}
      <dl className="facts">
        {known.map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
    </>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}
