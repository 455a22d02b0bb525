import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { useStats } from '../../state/stats.ts'
import { useTraffic } from '../../state/traffic.ts'
import type { GraphEdge } from './edges.ts'
import { formatRate } from './flow.ts'
import type { Graph } from './graph.ts'
import { titleOf } from './nodes.tsx'
import { countConnections, measure } from './rates.ts'

interface Row extends GraphEdge {
  readonly from: string
  readonly to: string
  readonly rate: string
  readonly connections: number
}

/** The same as the picture, one connection a line. */
export function TopologyTable({ graph }: { readonly graph: Graph }) {
  const { t } = useTranslation()
  const history = useStats((state) => state.history)
  const traffic = useTraffic()
  const names = useMemo(() => new Map(graph.nodes.map((of) => [of.id, titleOf(of)])), [graph])
  const rows = graph.edges.map((edge): Row => {
    const rate = measure(edge, { history, traffic })
    return {
      ...edge,
      from: names.get(edge.source) ?? '',
      to: names.get(edge.target) ?? '',
      rate: rate ? formatRate(rate) : '',
      connections: countConnections(edge, traffic),
    }
  })
  const columns = useMemo((): readonly Column<Row>[] => {
    const column = (key: 'from' | 'to' | 'label' | 'rate', width: string) => ({
      key,
      label: t(`topology.column.${key}`),
      width,
      sortBy: (row: Row) => row[key],
      render: (row: Row) => (
        <span className={key === 'label' || key === 'rate' ? 'mono' : 'strong'}>{row[key] || '–'}</span>
      ),
    })
    return [
      column('from', 'minmax(120px, 1fr)'),
      {
        key: 'kind',
        label: t('topology.column.kind'),
        width: '150px',
        sortBy: ({ kind }) => kind,
        render: ({ kind }) => t(`topology.edge.${kind}`),
      },
      column('to', 'minmax(120px, 1fr)'),
      column('label', 'minmax(120px, 1fr)'),
      column('rate', '190px'),
      {
        key: 'connections',
        label: t('topology.column.connections'),
        width: '110px',
        isNumber: true,
        sortBy: ({ connections }) => connections,
        render: ({ connections }) => connections || '–',
      },
    ]
  }, [t])
  return (
    <DataGrid
      label={t('page.topology')}
      items={rows}
      columns={columns}
      idOf={({ id }) => id}
      nameOf={({ from, to }) => `${from} ${to}`}
      rowProps={({ kind }) => ({ 'data-testid': 'topology-row', 'data-kind': kind })}
    />
  )
}
