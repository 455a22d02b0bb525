import type { CreateNetwork } from '../../../engine/contract/network.ts'

export const DRIVERS = ['bridge', 'macvlan', 'ipvlan', 'overlay'] as const
export type Driver = (typeof DRIVERS)[number]

/** Modes of the drivers that have some; the first is the engine's own choice. */
export const MODES: Readonly<Record<Driver, readonly string[]>> = {
  bridge: [],
  macvlan: ['bridge', 'private', 'vepa', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
  overlay: [],
}

/** How a bridge meets the outside; the first is the engine's own choice. */
export const GATEWAY_MODES = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const
export type GatewayMode = (typeof GATEWAY_MODES)[number]
const BRIDGE = 'com.docker.network.bridge'

/** The create dialog's fields as they are typed; many values of one field stand on lines of their own. */
export interface NetworkFields {
  readonly name: string
  readonly driver: Driver
  readonly subnet: string
  readonly gateway: string
  readonly ipRange: string
  readonly subnet6: string
  readonly gateway6: string
  readonly ipRange6: string
  readonly auxiliary: string
  readonly mtu: string
  readonly bridgeName: string
  readonly interfacePrefix: string
  readonly hostBinding: string
  readonly hostBinding6: string
  readonly gatewayMode: GatewayMode
  readonly gatewayMode6: GatewayMode
  readonly parent: string
  readonly mode: string
  readonly vni: string
  readonly labels: string
  readonly options: string
  readonly isInternal: boolean
  readonly enableIPv6: boolean
  readonly isOpenWithin: boolean
  readonly isMasquerading: boolean
  readonly hasNoIpv4: boolean
  readonly isEncrypted: boolean
}
export type TextField = { [K in keyof NetworkFields]: NetworkFields[K] extends string ? K : never }[keyof NetworkFields]

export const EMPTY_NETWORK: NetworkFields = {
  name: '',
  driver: 'bridge',
  subnet: '',
  gateway: '',
  ipRange: '',
  subnet6: '',
  gateway6: '',
  ipRange6: '',
  auxiliary: '',
  mtu: '',
  bridgeName: '',
  interfacePrefix: '',
  hostBinding: '',
  hostBinding6: '',
  gatewayMode: 'nat',
  gatewayMode6: 'nat',
  parent: '',
  mode: '',
  vni: '',
  labels: '',
  options: '',
  isInternal: false,
  enableIPv6: false,
  isOpenWithin: true,
  isMasquerading: true,
  hasNoIpv4: false,
  isEncrypted: false,
}

/** What is wrong with a field before the engine is asked: the field, and the value at fault (empty: nothing was typed). */
export interface BadField {
  readonly field: TextField
  readonly value: string
}

/** `KEY=VALUE` lines as a record, or the first line that is none. */
export function parsePairs(text: string): { readonly pairs: Record<string, string>; readonly bad: string } {
  const lines = text.split('\n').flatMap((line) => (line.trim() ? [line.trim()] : []))
  const bad = lines.find((line) => line.indexOf('=') < 1) ?? ''
  const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
  return { pairs: bad ? {} : Object.fromEntries(pairs), bad }
}

/** The first field that cannot be sent, if any. */
export function findBadField(fields: NetworkFields): BadField | undefined {
  if (fields.name.trim() === '') return { field: 'name', value: '' }
  for (const field of ['auxiliary', 'labels', 'options'] as const) {
    const { bad } = parsePairs(fields[field])
    if (bad) return { field, value: bad }
  }
  return undefined
}

/** What the engine is asked for. What belongs to another driver than the chosen one is left out. */
export function toRequest(fields: NetworkFields): CreateNetwork {
  const auxiliary = Object.entries(parsePairs(fields.auxiliary).pairs)
  const ofVersion = (isSix: boolean) =>
    Object.fromEntries(auxiliary.filter(([, address]) => address.includes(':') === isSix))
  const v4 = { subnet: fields.subnet, gateway: fields.gateway, ipRange: fields.ipRange, auxiliary: ofVersion(false) }
  const v6 = { subnet: fields.subnet6, gateway: fields.gateway6, ipRange: fields.ipRange6, auxiliary: ofVersion(true) }
  const trimmed = [v4, ...(fields.enableIPv6 ? [v6] : [])].map((pool) => ({
    ...pool,
    subnet: pool.subnet.trim(),
    gateway: pool.gateway.trim(),
    ipRange: pool.ipRange.trim(),
  }))
  return {
    name: fields.name.trim(),
    driver: fields.driver,
    pools: trimmed.filter(
      ({ subnet, gateway, ipRange, auxiliary: named }) => subnet || gateway || ipRange || Object.keys(named).length,
    ),
    isInternal: fields.isInternal,
    enableIPv6: fields.enableIPv6,
    ipamOptions: {},
    options: { ...parsePairs(fields.options).pairs, ...driverOptions(fields) },
    labels: parsePairs(fields.labels).pairs,
  }
}

function driverOptions(fields: NetworkFields): Record<string, string> {
  const { driver } = fields
  const child = { parent: fields.parent, [`${driver}_mode`]: fields.mode }
  const own: Readonly<Record<Driver, Record<string, string>>> = {
    bridge: bridgeOptions(fields),
    macvlan: child,
    ipvlan: child,
    overlay: {
      'com.docker.network.driver.overlay.vxlanid_list': fields.vni,
      encrypted: fields.isEncrypted ? 'true' : '',
    },
  }
  const all = Object.entries({ 'com.docker.network.driver.mtu': fields.mtu, ...own[driver] })
  return Object.fromEntries(all.flatMap(([key, value]) => (value.trim() ? [[key, value.trim()]] : [])))
}

/** What is as the engine has it anyway is left out, and so is what is of IPv6 where there is none. */
function bridgeOptions(fields: NetworkFields): Record<string, string> {
  const modeOf = (mode: GatewayMode) => (mode === 'nat' ? '' : mode)
  return {
    [`${BRIDGE}.name`]: fields.bridgeName,
    [`${BRIDGE}.enable_icc`]: fields.isOpenWithin ? '' : 'false',
    [`${BRIDGE}.enable_ip_masquerade`]: fields.isMasquerading ? '' : 'false',
    [`${BRIDGE}.inhibit_ipv4`]: fields.hasNoIpv4 ? 'true' : '',
    [`${BRIDGE}.host_binding_ipv4`]: fields.hostBinding,
    [`${BRIDGE}.host_binding_ipv6`]: fields.enableIPv6 ? fields.hostBinding6 : '',
    [`${BRIDGE}.gateway_mode_ipv4`]: modeOf(fields.gatewayMode),
    [`${BRIDGE}.gateway_mode_ipv6`]: fields.enableIPv6 ? modeOf(fields.gatewayMode6) : '',
    'com.docker.network.container_iface_prefix': fields.interfacePrefix,
  }
}

const ADDRESSES = ['subnet', 'gateway', 'ipRange', 'subnet6', 'gateway6', 'ipRange6', 'auxiliary'] as const
const CANDIDATES: Readonly<Record<string, readonly TextField[]>> = {
  'network.invalid': ['name'],
  'network.name-in-use': ['name'],
  'network.bridge-in-use': ['bridgeName'],
  'network.not-a-bridge': ['bridgeName'],
  'network.overlaps': ['subnet', 'subnet6'],
  'network.pools-exhausted': ['subnet'],
  'network.invalid-subnet': ADDRESSES,
  'network.invalid-range': ['ipRange', 'ipRange6'],
  'network.invalid-address': ADDRESSES,
  'network.address-outside': ['gateway', 'gateway6', 'auxiliary'],
  'network.vni-in-use': ['vni'],
  'network.invalid-option': [
    'mtu',
    'bridgeName',
    'interfacePrefix',
    'hostBinding',
    'hostBinding6',
    'gatewayMode',
    'gatewayMode6',
    'parent',
    'mode',
    'vni',
    'options',
  ],
  'network.parent-missing': ['parent'],
  'network.parent-refused': ['parent'],
  'network.parent-unreachable': ['parent'],
  'network.vlan-missing': ['parent'],
}

/** The field that the engine's answer is about: the one whose value it quotes, else the first that it can mean. */
export function fieldOf(
  { reason, message }: { readonly reason: string; readonly message: string },
  fields: NetworkFields,
): TextField | undefined {
  const candidates = CANDIDATES[reason] ?? []
  const quoted = (field: TextField) =>
    fields[field]
      .split('\n')
      .map((line) => line.slice(line.indexOf('=') + 1).trim())
      .some((value) => value !== '' && message.includes(value))
  return candidates.find(quoted) ?? candidates[0]
}
