import { Button } from '@mantine/core'
import { IconEraser, IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { networkList } from '../../app/queries.ts'
import { DataGrid } from '../../components/data-grid.tsx'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { askPruneNetworks, askRemoveNetworks, unusedOf } from './actions.ts'
import { networkColumns } from './columns.tsx'
import { ConnectDialog } from './connect-dialog.tsx'
import { CreateNetworkDialog } from './create-dialog.tsx'
import { NetworkMenu } from './menu.tsx'
import { NetworkPane } from './pane.tsx'

const NONE: ReadonlySet<string> = new Set()
// The pane beside the list tells the rest.
const BESIDE_PANE: ReadonlySet<string> = new Set(['name', 'driver', 'subnet', 'actions'])

/** Networks with their addresses and who is on them; the detail pane beside the list. */
export function NetworksPage() {
  const { t } = useTranslation()
  const { data: networks = [] } = useQuery(networkList)
  const { filter, opened, open } = useView()
  const [selected, setSelected] = useState(NONE)
  const [menu, setMenu] = useState<{ readonly id: string; readonly x: number; readonly y: number } | null>(null)
  const { dialog, show, close } = useDialog()
  const connect = (networkId: string) => show({ type: 'connect', networkId })
  const byId = (id: string | undefined) => networks.find((network) => network.id === id)
  const current = byId(opened.networks)
  const isNarrow = current !== undefined
  const columns = useMemo(
    () =>
      networkColumns(t, { openMenu: setMenu, connect: (networkId) => show({ type: 'connect', networkId }) }).filter(
        ({ key }) => !isNarrow || BESIDE_PANE.has(key),
      ),
    [t, isNarrow, show],
  )
  const wanted = filter.trim().toLowerCase()
  const menuFor = byId(menu?.id)
  const joining = byId(dialog?.type === 'connect' ? dialog.networkId : '')
  return (
    <>
      <div className="page-main">
        <Head />
        <DataGrid
          label={t('page.networks')}
          items={networks.filter(({ name, subnet }) => `${name} ${subnet}`.toLowerCase().includes(wanted))}
          columns={columns}
          idOf={({ id }) => id}
          nameOf={({ name }) => name}
          rowProps={({ name }) => ({ 'data-testid': 'network-row', 'data-name': name })}
          openId={current?.id ?? ''}
          onOpen={({ id }) => open('networks', id)}
          onContextMenu={(network, at) => setMenu({ ...at, id: network.id })}
          onDelete={(items) => askRemoveNetworks(items, () => setSelected(NONE))}
          selected={selected}
          onSelect={setSelected}
        />
      </div>
      {current && <NetworkPane network={current} onConnect={() => connect(current.id)} />}
      {menu && menuFor && (
        <NetworkMenu
          place={menu}
          network={menuFor}
          onConnect={() => connect(menuFor.id)}
          onClose={() => setMenu(null)}
        />
      )}
      {joining && <ConnectDialog network={joining} onClose={close} />}
    </>
  )
}

function Head() {
  const { t } = useTranslation()
  const { data: networks = [] } = useQuery(networkList)
  const { dialog, show, close } = useDialog()
  return (
    <div className="page-head">
      <h1>{t('page.networks')}</h1>
      <Button
        variant="default"
        leftSection={<IconEraser size={14} />}
        disabled={unusedOf(networks).length === 0}
        data-testid="network-prune"
        onClick={() => askPruneNetworks(networks)}
      >
        {t('networks.prune')}…
      </Button>
      <Button
        leftSection={<IconPlus size={14} />}
        data-testid="network-create"
        onClick={() => show({ type: 'create-network' })}
      >
        {t('networks.create')}
      </Button>
      {dialog?.type === 'create-network' && <CreateNetworkDialog onClose={close} />}
    </div>
  )
}
