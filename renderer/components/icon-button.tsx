import type { Icon } from '@tabler/icons-react'
import type { MouseEvent } from 'react'

interface IconButtonProps {
  readonly label: string
  readonly Icon: Icon
  readonly onClick: (event: MouseEvent<HTMLButtonElement>) => void
  readonly isDisabled?: boolean
  readonly testId?: string
}

/** A quiet button with an icon; its label is its accessible name, and what `Tips` shows. A list has hundreds: they are plain. */
export function IconButton({ label, Icon, onClick, isDisabled = false, testId }: IconButtonProps) {
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      data-tip={label}
      disabled={isDisabled}
      data-testid={testId}
      onClick={(event) => {
        event.stopPropagation()
        onClick(event)
      }}
    >
      <Icon size={16} />
    </button>
  )
}
