import { useElementSize, useMergedRef } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, type MouseEvent, type ReactNode, useDeferredValue, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { GridRow, type RowActions } from './grid-row.tsx'

const ROW_HEIGHT = 40
const NO_ITEMS: readonly never[] = []
/** `web2` before `web10`. Made once: it costs as much as many comparisons. */
const ORDER = new Intl.Collator(undefined, { numeric: true })

/** A column: `width` is a CSS grid track, `sortBy` makes it sortable. */
export interface Column<T> {
  readonly key: string
  readonly label: string
  readonly width: string
  readonly sortBy?: (item: T) => string | number
  readonly isNumber?: boolean
  /** Pixels that the list must be wide for it to be shown: beside an open pane others matter more. */
  readonly from?: number
  readonly render: (item: T) => ReactNode
}
interface DataGridProps<T> {
  readonly label: string
  readonly items: readonly T[]
  readonly columns: readonly Column<T>[]
  readonly idOf: (item: T) => string
  readonly nameOf: (item: T) => string
  readonly rowProps?: (item: T) => Readonly<Record<`data-${string}`, string>>
  readonly openId?: string
  readonly onOpen?: (item: T) => void
  readonly onContextMenu?: (item: T, at: { x: number; y: number }) => void
  readonly onDelete?: (items: readonly T[]) => void
  readonly selected?: ReadonlySet<string>
  readonly onSelect?: (selected: ReadonlySet<string>) => void
}

/**
 * A virtual list with sortable columns. Arrows move the cursor, Enter opens, Space selects, Delete removes, and the
 * menu key (or Shift+F10) opens the row's menu: only the rows on the screen exist.
 */
export function DataGrid<T>(props: DataGridProps<T>) {
  const { idOf, nameOf, selected, onSelect, onOpen } = props
  const { t } = useTranslation()
  const scroller = useRef<HTMLDivElement>(null)
  const { ref: measured, width } = useElementSize()
  const element = useMergedRef(scroller, measured)
  // By the limit that is reached, not by the width: the same columns draw no row anew.
  const reached = width === 0 ? Number.POSITIVE_INFINITY : limitWithin(props.columns, width)
  const columns = useMemo(() => props.columns.filter(({ from = 0 }) => from <= reached), [props.columns, reached])
  const [sort, setSort] = useState({ key: '', isDescending: false })
  const [cursor, setCursor] = useState(-1)
  // A screen of rows takes longer than a frame: they follow their page, the click or the key in slices.
  const items = useDeferredValue(props.items, NO_ITEMS)
  const order = useDeferredValue(sort)
  const rows = useMemo(() => sortItems(items, columns, order), [items, columns, order])
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 4,
  })
  const template = `${onSelect ? '20px ' : ''}${columns.map((column) => column.width).join(' ')}`
  const toggle = (id: string) => onSelect?.(toggled(selected ?? new Set(), id))
  const move = (index: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, index))
    setCursor(next)
    virtual.scrollToIndex(next)
  }
  const openMenu = (item: T, event: KeyboardEvent | MouseEvent) => {
    event.preventDefault()
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect()
    const isMouse = 'clientX' in event && event.clientX > 0
    props.onContextMenu?.(
      item,
      isMouse ? { x: event.clientX, y: event.clientY } : { x: box.left + 60, y: box.top + 60 },
    )
  }
  const latest: RowActions<T> = {
    choose: (item, index) => {
      setCursor(index)
      onOpen?.(item)
    },
    toggle: (item) => toggle(idOf(item)),
    openMenu,
    attributesOf: (item) => props.rowProps?.(item) ?? {},
    nameOf,
  }
  const actions = useRef(latest)
  actions.current = latest
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return
    const item = rows[cursor]
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }
    if (steps[event.key]) move(cursor + (steps[event.key] ?? 0))
    else if (event.key === 'Home') move(0)
    else if (event.key === 'End') move(rows.length - 1)
    else if (!item) return
    else if (event.key === 'Enter') onOpen?.(item)
    else if (event.key === ' ') toggle(idOf(item))
    else if (event.key === 'Delete') props.onDelete?.(chosen(rows, selected, idOf, item))
    else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) openMenu(item, event)
    else return
    event.preventDefault()
  }
  const all = rows.length > 0 && rows.every((item) => selected?.has(idOf(item)))
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot be virtual
    <div
      ref={element}
      className="grid"
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      aria-multiselectable={onSelect !== undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onFocus={(event) => event.target === event.currentTarget && cursor < 0 && rows.length > 0 && setCursor(0)}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the grid itself has the focus */}
      <div className="grid-head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
        {onSelect && (
          <HeadCell>
            <input
              type="checkbox"
              className="check"
              aria-label={t('selectAll')}
              checked={all}
              ref={(box) => {
                if (box) box.indeterminate = !all && (selected?.size ?? 0) > 0
              }}
              onChange={() => onSelect(new Set(all ? [] : rows.map(idOf)))}
            />
          </HeadCell>
        )}
        {columns.map((column) => (
          <HeadCell
            key={column.key}
            isNumber={column.isNumber}
            sort={sort.key === column.key ? (sort.isDescending ? 'descending' : 'ascending') : undefined}
          >
            {column.sortBy ? (
              <button
                type="button"
                className="grid-sort"
                onClick={() =>
                  setSort({ key: column.key, isDescending: sort.key === column.key && !sort.isDescending })
                }
              >
                {column.label}
                {sort.key === column.key ? (sort.isDescending ? ' ↓' : ' ↑') : ''}
              </button>
            ) : (
              column.label
            )}
          </HeadCell>
        ))}
      </div>
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const item = rows[index] as T
          const id = idOf(item)
          return (
            <GridRow
              key={id}
              item={item}
              index={index}
              start={start}
              columns={columns}
              template={template}
              isSelected={onSelect && (selected?.has(id) ?? false)}
              isCursor={cursor === index}
              isOpen={props.openId === id}
              actions={actions}
            />
          )
        })}
      </div>
    </div>
  )
}

interface HeadCellProps {
  readonly children: ReactNode
  readonly isNumber?: boolean | undefined
  readonly sort?: 'ascending' | 'descending' | undefined
}

function HeadCell({ children, isNumber, sort }: HeadCellProps) {
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the button inside has the focus
    // biome-ignore lint/a11y/useSemanticElements: a table cell cannot be virtual
    <div role="columnheader" aria-sort={sort ?? 'none'} className={isNumber ? 'num' : undefined}>
      {children}
    </div>
  )
}

/** The highest `from` of the columns that so many pixels reach. */
const limitWithin = (columns: readonly { readonly from?: number }[], width: number): number =>
  Math.max(0, ...columns.map(({ from = 0 }) => from).filter((from) => from <= width))

function toggled(selected: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(selected)
  if (!next.delete(id)) next.add(id)
  return next
}

function chosen<T>(
  rows: readonly T[],
  selected: ReadonlySet<string> | undefined,
  idOf: (item: T) => string,
  item: T,
): readonly T[] {
  const many = rows.filter((row) => selected?.has(idOf(row)))
  return many.length > 0 ? many : [item]
}

function sortItems<T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  { key, isDescending }: { readonly key: string; readonly isDescending: boolean },
): readonly T[] {
  const sortBy = columns.find((column) => column.key === key)?.sortBy
  if (!sortBy) return items
  const direction = isDescending ? -1 : 1
  return [...items].sort((left, right) => {
    const a = sortBy(left)
    const b = sortBy(right)
    if (typeof a === 'number' && typeof b === 'number') return (a - b) * direction
    return ORDER.compare(String(a), String(b)) * direction
  })
}
