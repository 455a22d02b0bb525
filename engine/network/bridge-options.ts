import { isIP } from 'node:net'
import { EngineError } from '../contract/errors.ts'
import type { GatewayMode } from '../host/network.ts'
import type { NetworkRecord } from '../store/schema.ts'
import { OPTION } from './driver.ts'

/** A bridge network's options, read and checked. */
export interface BridgeOptions {
  /** `''`: from the network's id. */
  readonly name: string
  readonly isOpenWithin: boolean
  readonly masquerade: boolean
  /** Host address of ports that name none; `''`: the one that is set for all. */
  readonly hostBinding: string
  readonly gatewayModes: { readonly ip: GatewayMode; readonly ip6: GatewayMode }
  /** What interfaces in containers are called by, before their number. */
  readonly interfacePrefix: string
  /** The bridge gets no IPv4 address: another device on it is the gateway. */
  readonly hasNoIpv4: boolean
}

type Source = Pick<NetworkRecord, 'options' | 'isInternal'>
const MODES: readonly GatewayMode[] = ['nat', 'nat-unprotected', 'routed', 'isolated']
const OWN_PREFIX = 'com.docker.network.bridge.'

const refuse = (option: string, value: string, rule: string) =>
  new EngineError('invalidArgument', 'network.invalid-option', `invalid ${option} ${JSON.stringify(value)}: ${rule}`, {
    details: { option, value },
  })

/** Reads Docker's names; `network.invalid-option` names an option that is unknown, or whose value is. */
export function readBridgeOptions({ options, isInternal }: Source): BridgeOptions {
  const known: readonly string[] = Object.values(OPTION)
  const odd = Object.keys(options).find((key) => key.startsWith(OWN_PREFIX) && !known.includes(key))
  if (odd) throw refuse('option', odd, `a bridge has ${known.filter((key) => key.startsWith(OWN_PREFIX)).join(', ')}`)
  return {
    name: readName(options),
    isOpenWithin: readSwitch(options, OPTION.icc, true),
    masquerade: readSwitch(options, OPTION.masquerade, true),
    hostBinding: readAddress(options, OPTION.hostBinding, 4) || readAddress(options, OPTION.hostBinding6, 6),
    gatewayModes: {
      ip: readMode(options, OPTION.gatewayMode, isInternal),
      ip6: readMode(options, OPTION.gatewayMode6, isInternal),
    },
    interfacePrefix: readPrefix(options),
    hasNoIpv4: readSwitch(options, OPTION.inhibitIpv4, false),
  }
}

type Options = NetworkRecord['options']

function readName(options: Options): string {
  const name = options[OPTION.bridgeName] ?? ''
  if (name === '' || (/^[a-zA-Z0-9_.-]{1,15}$/.test(name) && name !== '.' && name !== '..')) return name
  throw refuse('bridge name', name, 'an interface has at most 15 letters, digits, "_", "." and "-"')
}

/** As Go reads booleans, which is what clients send. */
function readSwitch(options: Options, key: string, fallback: boolean): boolean {
  const value = options[key] ?? ''
  if (value === '') return fallback
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  throw refuse(key, value, 'it is true or false')
}

function readAddress(options: Options, key: string, version: 4 | 6): string {
  const value = options[key] ?? ''
  if (value === '' || isIP(value) === version) return value
  throw refuse(key, value, `it is an IPv${version} address of this machine`)
}

function readMode(options: Options, key: string, isInternal: boolean): GatewayMode {
  const value = options[key] || 'nat'
  const mode = MODES.find((one) => one === value)
  if (!mode) throw refuse(key, value, `it is ${MODES.join(', ')}`)
  if (mode === 'isolated' && !isInternal)
    throw refuse(key, value, 'only an internal network can do without its gateway')
  return mode
}

/** The number comes after it, and fifteen characters are all that an interface has. */
function readPrefix(options: Options): string {
  const prefix = options[OPTION.interfacePrefix] ?? ''
  if (prefix === '') return 'eth'
  if (/^[a-zA-Z][a-zA-Z0-9_-]{0,11}$/.test(prefix) && !/\d$/.test(prefix)) return prefix
  throw refuse(
    OPTION.interfacePrefix,
    prefix,
    'it is at most 12 letters, digits, "_" and "-", begins with a letter and does not end with a digit',
  )
}
