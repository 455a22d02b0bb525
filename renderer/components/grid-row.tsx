import { type MouseEvent, memo, type ReactNode, type RefObject } from 'react'
import { useTranslation } from 'react-i18next'
import type { Column } from './data-grid.tsx'

/** What a row asks of its list. */
export interface RowActions<T> {
  readonly choose: (item: T, index: number) => void
  readonly toggle: (item: T) => void
  readonly openMenu: (item: T, event: MouseEvent) => void
  /** Attributes of the row's element. */
  readonly attributesOf: (item: T) => Readonly<Record<string, string>>
  readonly nameOf: (item: T) => string
}
interface RowProps<T> {
  readonly item: T
  readonly index: number
  /** Pixels from the top of the list. */
  readonly start: number
  readonly columns: readonly Column<T>[]
  readonly template: string
  /** Absent in a list where nothing is selected. */
  readonly isSelected: boolean | undefined
  readonly isCursor: boolean
  readonly isOpen: boolean
  /** By reference, so that new functions draw no row anew. */
  readonly actions: RefObject<RowActions<T>>
}

/** A row of a list: drawn anew when its own item or place changes, whatever else does. */
export const GridRow = memo(Row) as typeof Row

function Row<T>({ item, index, start, columns, template, isSelected, isCursor, isOpen, actions }: RowProps<T>) {
  const { t } = useTranslation()
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus and moves a cursor
    // biome-ignore lint/a11y/useSemanticElements: a table row cannot be virtual
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid answers Enter
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected ?? false}
      className="grid-row"
      data-cursor={isCursor}
      data-open={isOpen}
      style={{ gridTemplateColumns: template, transform: `translateY(${start}px)` }}
      onClick={() => actions.current.choose(item, index)}
      onContextMenu={(event) => actions.current.openMenu(item, event)}
      {...actions.current.attributesOf(item)}
    >
      {isSelected !== undefined && (
        <Cell>
          <input
            type="checkbox"
            className="check"
            aria-label={t('selectOne', { name: actions.current.nameOf(item) })}
            checked={isSelected}
            onClick={(event) => event.stopPropagation()}
            onChange={() => actions.current.toggle(item)}
          />
        </Cell>
      )}
      {columns.map((column) => (
        <Cell key={column.key} isNumber={column.isNumber}>
          {column.render(item)}
        </Cell>
      ))}
    </div>
  )
}

function Cell({ children, isNumber }: { readonly children: ReactNode; readonly isNumber?: boolean | undefined }) {
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
    // biome-ignore lint/a11y/useSemanticElements: a table cell cannot be virtual
    <div role="gridcell" className={isNumber ? 'grid-cell num' : 'grid-cell'}>
      {children}
    </div>
  )
}
