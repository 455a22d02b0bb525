import { IconDeviceDesktop, IconWorld } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { openPort } from './actions.ts'

type Port = ContainerSummary['ports'][number]

/** Who reaches a published port: this machine alone, or whoever reaches this machine. */
const reachOf = ({ hostIp }: Port): 'here' | 'outside' => (/^(127\.|::1$)/.test(hostIp) ? 'here' : 'outside')
const keyOf = ({ hostIp, hostPort, containerPort, protocol }: Port) =>
  `${hostIp}:${hostPort}/${containerPort}/${protocol}`

/** A port that is open in both versions of IP is one port to who looks. */
const shown = (ports: readonly Port[]): readonly Port[] =>
  ports.filter(
    (port) =>
      port.hostIp !== '::' ||
      !ports.some((other) => other.hostIp === '0.0.0.0' && keyOf({ ...other, hostIp: '::' }) === keyOf(port)),
  )

/** The published ports in a row, each with who reaches it; a click opens one. */
export function Ports({ container }: { readonly container: ContainerSummary }) {
  return shown(container.ports).map((port) => (
    <span key={keyOf(port)} className="port">
      <Reach port={port} isShort />
      <PortLink port={port} />
    </span>
  ))
}

/** The same on lines of their own, with the words. */
export function PortList({ container }: { readonly container: ContainerSummary }) {
  return (
    <ul className="port-list">
      {shown(container.ports).map((port) => (
        <li key={keyOf(port)}>
          <PortLink port={port} />
          <Reach port={port} />
        </li>
      ))}
    </ul>
  )
}

function PortLink({ port }: { readonly port: Port }) {
  const { t } = useTranslation()
  const { hostIp, hostPort, containerPort, protocol } = port
  const text = `${hostPort || '…'}→${containerPort}${protocol === 'tcp' ? '' : `/${protocol}`}`
  return (
    <button
      type="button"
      className="link"
      title={t('openPort', { address: `${hostIp}:${hostPort}` })}
      data-testid="port"
      onClick={(event) => {
        event.stopPropagation()
        openPort(hostIp, hostPort)
      }}
    >
      {text}
    </button>
  )
}

function Reach({ port, isShort = false }: { readonly port: Port; readonly isShort?: boolean }) {
  const { t } = useTranslation()
  const reach = reachOf(port)
  const Icon = reach === 'here' ? IconDeviceDesktop : IconWorld
  const text = t(`reach.${reach}`)
  return (
    <span className="reach" data-reach={reach} data-testid="reach" title={text}>
      <Icon size={13} stroke={1.7} {...(isShort ? { role: 'img', 'aria-label': text } : { 'aria-hidden': true })} />
      {!isShort && text}
    </span>
  )
}
