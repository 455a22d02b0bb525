import { ActionIcon, Tooltip } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import type { MouseEvent } from 'react'

interface IconButtonProps {
  readonly label: string
  readonly Icon: Icon
  readonly onClick: (event: MouseEvent<HTMLButtonElement>) => void
  readonly isDisabled?: boolean
  readonly testId?: string
}

/** A quiet button with an icon; its label is a tooltip and its accessible name. */
export function IconButton({ label, Icon, onClick, isDisabled = false, testId }: IconButtonProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={28}
        aria-label={label}
        disabled={isDisabled}
        data-testid={testId}
        onClick={(event) => {
          event.stopPropagation()
          onClick(event)
        }}
      >
        <Icon size={16} />
      </ActionIcon>
    </Tooltip>
  )
}
