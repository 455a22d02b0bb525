import { Button, Group, NumberInput, SegmentedControl } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconCircleDashed, IconCircleX } from '@tabler/icons-react'
import { Fragment, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ReachAnswer, ReachBlock, ReachPort, ReachWay } from '../../../engine/contract/reach.ts'
import { useProbes } from './probes.ts'

interface WayProps {
  readonly way: ReachWay
  readonly answer: ReachAnswer
}

/** One way: its address and names, what it passes, what stops it, and its ports. */
export function Way({ way, answer }: WayProps) {
  const { t } = useTranslation()
  const { kind, network, address, names, block, ports } = way
  const stopped = ports.find((port) => port.block)?.block
  return (
    <section className="reach-way" data-testid="reach-way" data-kind={kind} data-open={!block}>
      <h3>
        {block ? <IconCircleX size={15} aria-hidden /> : <IconCircleCheck size={15} aria-hidden />}
        {t(`path.kind.${kind}`, { network })}
        <span className="quiet">{t(block ? 'path.shut' : 'path.open')}</span>
      </h3>
      {address && (
        <p className="reach-names">
          {names.slice(0, 4).map(({ name, source }) => (
            <span key={name} className="reach-name" title={t(`path.source.${source}`)}>
              {name}
            </span>
          ))}
          <span className="mono">{address}</span>
          {names.length === 0 && kind === 'network' && <span className="quiet">{t('path.noName')}</span>}
        </p>
      )}
      {way.hops.length > 0 && <Path way={way} answer={answer} />}
      {(block ?? stopped) && <Block block={(block ?? stopped) as ReachBlock} answer={answer} />}
      {address && <Ports way={way} answer={answer} />}
    </section>
  )
}

function Path({ way, answer }: WayProps) {
  return (
    <p className="reach-path">
      <b>{answer.from.name}</b>
      {way.hops.map((hop, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the order is the identity, a name may come twice
        <Fragment key={index}>
          <span className="quiet"> › </span>
          <span className="mono">{hop}</span>
        </Fragment>
      ))}
      <span className="quiet"> › </span>
      {way.block ? <IconCircleX size={13} color="var(--bad)" aria-hidden /> : null} <b>{answer.to.name}</b>
    </p>
  )
}

function Block({ block, answer }: { readonly block: ReachBlock; readonly answer: ReachAnswer }) {
  const { t } = useTranslation()
  const { reason, place, at, text } = block
  const names = { from: answer.from.name, to: answer.to.name }
  return (
    <div className="reach-block" data-testid="reach-block">
      <p>{t(`path.block.${reason}`, { place: t(`path.place.${place}`, names), name: at })}</p>
      {text && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
        <pre className="commands" tabIndex={0}>
          {`# ${at}\n${text}`}
        </pre>
      )}
    </div>
  )
}

function Ports({ way, answer }: WayProps) {
  const { t } = useTranslation()
  const { probes, probe } = useProbes(answer.from.id)
  const [other, setOther] = useState<number | string>('')
  const [protocol, setProtocol] = useState<'tcp' | 'udp'>('tcp')
  const name = way.names[0]?.name ?? ''
  const target = (port: { readonly port: number; readonly protocol: 'tcp' | 'udp' }) => ({
    ...port,
    address: way.address,
    name,
  })
  const said = (port: { readonly port: number; readonly protocol: 'tcp' | 'udp' }) =>
    probes.get(`${port.protocol} ${port.port}`)
  const number = Number(other)
  const asked = { port: number, protocol }
  const isNew = !way.ports.some((one) => one.port === number && one.protocol === protocol)
  return (
    <>
      {way.ports.map((port) => (
        <PortRow
          key={`${port.protocol} ${port.port}`}
          port={port}
          said={said(port)}
          onProbe={() => probe(target({ port: port.port, protocol: port.protocol }))}
        />
      ))}
      <Group gap={6} mt={8} wrap="nowrap">
        <NumberInput
          size="xs"
          w={110}
          min={1}
          max={65535}
          hideControls
          placeholder={t('path.otherPort')}
          aria-label={t('path.otherPort')}
          value={other}
          onChange={setOther}
        />
        <SegmentedControl
          size="xs"
          aria-label={t('path.protocol')}
          data={['tcp', 'udp']}
          value={protocol}
          onChange={(value) => setProtocol(value as typeof protocol)}
        />
        <Button
          size="compact-xs"
          variant="default"
          disabled={!(number >= 1 && number <= 65535)}
          onClick={() => probe(target(asked))}
        >
          {t('path.probe')}
        </Button>
      </Group>
      {isNew && said(asked) && <p className="reach-said">{said(asked)}</p>}
    </>
  )
}

interface PortRowProps {
  readonly port: ReachPort
  readonly said: string | undefined
  readonly onProbe: () => void
}

function PortRow({ port, said, onProbe }: PortRowProps) {
  const { t } = useTranslation()
  const state = port.block ? 'blocked' : port.isListening ? 'listening' : 'silent'
  const { Icon, tone } = {
    blocked: { Icon: IconAlertTriangle, tone: 'bad' },
    listening: { Icon: IconCircleCheck, tone: 'good' },
    silent: { Icon: IconCircleDashed, tone: 'quiet' },
  }[state]
  return (
    <div className="reach-port" data-testid="reach-port" data-state={state}>
      <span className="mono">
        {port.port === port.containerPort ? port.port : `${port.port} → ${port.containerPort}`}/{port.protocol}
      </span>
      <span className="status" data-tone={tone}>
        <Icon size={13} aria-hidden />
        {t(`path.port.${state}`)}
      </span>
      <Button size="compact-xs" variant="default" data-testid="reach-probe" onClick={onProbe}>
        {t('path.probe')}
      </Button>
      {said && (
        <p className="reach-said" role="status" data-testid="reach-said">
          {said}
        </p>
      )}
    </div>
  )
}
