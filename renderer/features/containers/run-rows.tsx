import { Button, Checkbox, Select, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '../../components/icon-button.tsx'
import type { EnvRow, MountRow, NetworkRow, PortRow } from './run-request.ts'

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const
const protocolOf = (text: string | null): PortRow['protocol'] => PROTOCOLS.find((one) => one === text) ?? 'tcp'

interface RowsProps<T> {
  readonly rows: readonly T[]
  readonly onChange: (rows: readonly T[]) => void
}
interface EditorProps<T> extends RowsProps<T> {
  readonly title: string
  readonly add: string
  readonly empty: T
  readonly testId: string
  readonly render: (row: T, change: (part: Partial<T>) => void) => ReactNode
}

/** A list of rows that can be added, typed into and taken away. */
function Rows<T>({ rows, onChange, title, add, empty, testId, render }: EditorProps<T>) {
  const { t } = useTranslation()
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }} data-testid={testId}>
      <legend style={{ fontWeight: 500, padding: 0, marginBottom: 4, fontSize: 12.5 }}>{title}</legend>
      <div className="field-rows">
        {rows.map((row, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
          <div className="field-row" key={index}>
            {render(row, (part) => onChange(rows.map((old, at) => (at === index ? { ...old, ...part } : old))))}
            <IconButton
              label={t('removeRow')}
              Icon={IconX}
              onClick={() => onChange(rows.filter((_, at) => at !== index))}
            />
          </div>
        ))}
        <div>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<IconPlus size={12} />}
            data-testid={`${testId}-add`}
            onClick={() => onChange([...rows, empty])}
          >
            {add}
          </Button>
        </div>
      </div>
    </fieldset>
  )
}

/** Published ports. The image's own exposed ports are offered first. */
export function PortRows({ rows, onChange, exposed }: RowsProps<PortRow> & { readonly exposed: readonly string[] }) {
  const { t } = useTranslation()
  const next = exposed.find((port) => !rows.some((row) => `${row.containerPort}/${row.protocol}` === port)) ?? ''
  const [containerPort = '', protocol = 'tcp'] = next.split('/')
  return (
    <Rows
      rows={rows}
      onChange={onChange}
      title={t('ports')}
      add={t('addPort')}
      testId="run-ports"
      empty={{ hostPort: '', containerPort, protocol: protocolOf(protocol) }}
      render={(row, change) => (
        <>
          <TextInput
            aria-label={t('hostPort')}
            placeholder={t('hostPortHint')}
            value={row.hostPort}
            style={{ flex: 1 }}
            onChange={(event) => change({ hostPort: event.currentTarget.value })}
          />
          <span aria-hidden>→</span>
          <TextInput
            aria-label={t('containerPort')}
            placeholder={t('containerPort')}
            value={row.containerPort}
            style={{ flex: 1 }}
            onChange={(event) => change({ containerPort: event.currentTarget.value })}
          />
          <Select
            aria-label={t('protocol')}
            w={80}
            data={[...PROTOCOLS]}
            value={row.protocol}
            allowDeselect={false}
            onChange={(value) => change({ protocol: protocolOf(value) })}
          />
        </>
      )}
    />
  )
}

/** Bind mounts (a path) and volumes (a name, or nothing for an anonymous one). */
export function MountRows({ rows, onChange }: RowsProps<MountRow>) {
  const { t } = useTranslation()
  return (
    <Rows
      rows={rows}
      onChange={onChange}
      title={t('mounts')}
      add={t('addMount')}
      testId="run-mounts"
      empty={{ source: '', target: '', isReadOnly: false }}
      render={(row, change) => (
        <>
          <TextInput
            aria-label={t('mountSource')}
            placeholder={t('mountSourceHint')}
            value={row.source}
            style={{ flex: 1 }}
            onChange={(event) => change({ source: event.currentTarget.value })}
          />
          <span aria-hidden>→</span>
          <TextInput
            aria-label={t('mountTarget')}
            placeholder="/data"
            value={row.target}
            style={{ flex: 1 }}
            onChange={(event) => change({ target: event.currentTarget.value })}
          />
          <Checkbox
            label={t('readOnly')}
            checked={row.isReadOnly}
            onChange={(event) => change({ isReadOnly: event.currentTarget.checked })}
          />
        </>
      )}
    />
  )
}

/** Environment variables. */
export function EnvRows({ rows, onChange }: RowsProps<EnvRow>) {
  const { t } = useTranslation()
  return (
    <Rows
      rows={rows}
      onChange={onChange}
      title={t('environment')}
      add={t('addEnv')}
      testId="run-env"
      empty={{ name: '', value: '' }}
      render={(row, change) => (
        <>
          <TextInput
            aria-label={t('envName')}
            placeholder="NAME"
            value={row.name}
            style={{ flex: 1 }}
            onChange={(event) => change({ name: event.currentTarget.value })}
          />
          <span aria-hidden>=</span>
          <TextInput
            aria-label={t('envValue')}
            placeholder={t('envValue')}
            value={row.value}
            style={{ flex: 2 }}
            onChange={(event) => change({ value: event.currentTarget.value })}
          />
        </>
      )}
    />
  )
}

/** Networks to be on; the first is the container's own, and gives it its way out. */
export function NetworkRows({
  rows,
  onChange,
  networks,
}: RowsProps<NetworkRow> & { readonly networks: readonly string[] }) {
  const { t } = useTranslation()
  const others = networks.filter((name) => !rows.some(({ network }) => network === name))
  return (
    <Rows
      rows={rows}
      onChange={onChange}
      title={t('page.networks')}
      add={t('addNetwork')}
      testId="run-networks"
      empty={{ network: others.find((name) => name !== 'host' && name !== 'none') ?? '', ipAddress: '' }}
      render={(row, change) => (
        <>
          <Select
            aria-label={t('network')}
            data={[row.network, ...others].filter(
              (name) => name === row.network || rows.length === 1 || !STANDS_ALONE.has(name),
            )}
            value={row.network}
            allowDeselect={false}
            searchable
            style={{ flex: 1 }}
            onChange={(value) => change({ network: value ?? '', ipAddress: '' })}
          />
          <TextInput
            aria-label={t('address')}
            placeholder={t('addressHint')}
            value={row.ipAddress}
            disabled={WITHOUT_ADDRESS.has(row.network)}
            style={{ flex: 1 }}
            onChange={(event) => change({ ipAddress: event.currentTarget.value })}
          />
        </>
      )}
    />
  )
}

/** Networks that no other can stand beside. */
const STANDS_ALONE: ReadonlySet<string> = new Set(['host', 'none'])
/** Networks on which nobody can ask for an address. */
const WITHOUT_ADDRESS: ReadonlySet<string> = new Set(['bridge', 'host', 'none'])
