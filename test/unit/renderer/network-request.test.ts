import { describe, expect, test } from 'vitest'
import { CreateNetwork } from '../../../engine/contract/network.ts'
import {
  EMPTY_NETWORK,
  fieldOf,
  findBadField,
  parsePairs,
  toRequest,
} from '../../../renderer/features/networks/request.ts'

const fields = { ...EMPTY_NETWORK, name: ' shop ' }

describe('a network as the create dialog asks for it', () => {
  test('empty fields leave every choice to the engine', () => {
    expect(toRequest(fields)).toEqual({
      name: 'shop',
      driver: 'bridge',
      pools: [],
      isInternal: false,
      ipamOptions: {},
      enableIPv6: false,
      options: {},
      labels: {},
    })
  })

  test('addresses of both versions become a pool each, with the addresses to keep free in theirs', () => {
    const { pools } = toRequest({
      ...fields,
      enableIPv6: true,
      subnet: '10.1.0.0/24 ',
      gateway: '10.1.0.9',
      subnet6: 'fd00:1::/64',
      auxiliary: 'router=10.1.0.5\nrouter6=fd00:1::5\n',
    })
    expect(pools).toEqual([
      { subnet: '10.1.0.0/24', gateway: '10.1.0.9', ipRange: '', auxiliary: { router: '10.1.0.5' } },
      { subnet: 'fd00:1::/64', gateway: '', ipRange: '', auxiliary: { router6: 'fd00:1::5' } },
    ])
  })

  test('IPv6 fields that were typed and switched off again are not sent', () => {
    expect(toRequest({ ...fields, subnet6: 'fd00:1::/64' }).pools).toEqual([])
  })

  test('options of another driver than the chosen one are left out', () => {
    const all = { ...fields, bridgeName: 'br-shop', isOpenWithin: false, parent: 'eth0.5', mode: 'l3', mtu: '1400' }
    expect(toRequest(all).options).toEqual({
      'com.docker.network.driver.mtu': '1400',
      'com.docker.network.bridge.name': 'br-shop',
      'com.docker.network.bridge.enable_icc': 'false',
    })
    expect(toRequest({ ...all, driver: 'ipvlan' }).options).toEqual({
      'com.docker.network.driver.mtu': '1400',
      parent: 'eth0.5',
      ipvlan_mode: 'l3',
    })
    expect(toRequest({ ...all, driver: 'overlay', isEncrypted: true }).options).toEqual({
      'com.docker.network.driver.mtu': '1400',
      encrypted: 'true',
    })
  })

  test('every option of a bridge is sent where it is not as the engine has it anyway, and of IPv6 only with it', () => {
    const bridge = {
      ...fields,
      interfacePrefix: 'net',
      hostBinding: ' 127.0.0.1 ',
      hostBinding6: '::1',
      gatewayMode: 'routed' as const,
      gatewayMode6: 'nat-unprotected' as const,
      hasNoIpv4: true,
    }
    const four = {
      'com.docker.network.bridge.inhibit_ipv4': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
      'com.docker.network.container_iface_prefix': 'net',
    }
    expect(toRequest(bridge).options).toEqual(four)
    expect(toRequest({ ...bridge, enableIPv6: true }).options).toEqual({
      ...four,
      'com.docker.network.bridge.host_binding_ipv6': '::1',
      'com.docker.network.bridge.gateway_mode_ipv6': 'nat-unprotected',
    })
    expect(toRequest({ ...bridge, driver: 'overlay', vni: '5000' }).options).toEqual({
      'com.docker.network.driver.overlay.vxlanid_list': '5000',
    })
  })

  test('a value may hold an equals sign, and what the contract takes is what comes out', () => {
    expect(parsePairs('a=b=c\n\n b=')).toEqual({ pairs: { a: 'b=c', b: '' }, bad: '' })
    const request = toRequest({ ...fields, labels: 'team=a=b', isInternal: true })
    expect(CreateNetwork.parse(request)).toEqual(request)
  })

  test('a missing name and a line that is no pair are found before the engine is asked', () => {
    expect(findBadField(EMPTY_NETWORK)).toEqual({ field: 'name', value: '' })
    expect(findBadField({ ...fields, labels: 'a=1\nteam' })).toEqual({ field: 'labels', value: 'team' })
    expect(findBadField({ ...fields, options: '=1' })).toEqual({ field: 'options', value: '=1' })
    expect(findBadField(fields)).toBeUndefined()
  })
})

describe('the field that an answer of the engine is about', () => {
  const typed = {
    ...fields,
    subnet: '10.1.0.0/24',
    gateway: '10.2.0.1',
    auxiliary: 'router=10.3.0.1',
    subnet6: 'fd00::/200',
  }
  const field = (reason: string, message: string) => fieldOf({ reason, message }, typed)

  test('it is the one whose value is quoted', () => {
    expect(field('network.address-outside', 'no matching subnet for 10.2.0.1')).toBe('gateway')
    expect(field('network.address-outside', 'no matching subnet for 10.3.0.1')).toBe('auxiliary')
    expect(field('network.invalid-subnet', 'invalid subnet "fd00::/200"')).toBe('subnet6')
  })

  test('without a quote it is the first that the reason can mean, and none for a reason of no field', () => {
    expect(field('network.name-in-use', 'network with name shop already exists')).toBe('name')
    expect(field('network.driver-missing', 'the kernel has no ipvlan')).toBeUndefined()
  })
})
