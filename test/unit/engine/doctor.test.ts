import { expect, test } from 'vitest'
import { findConflicts } from '../../../engine/doctor.ts'
import { NetworkRecord } from '../../../engine/store/schema.ts'

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'
/** A line of `/proc/net/route`: addresses are written backwards. */
const route = (device: string, destination: string, mask: string) =>
  `${device}\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0`
const network = (name: string, subnet: string, driver = 'bridge') =>
  NetworkRecord.parse({
    ...{
      version: 1,
      id: name,
      name,
      driver,
      interface: `br-${name}`,
      createdAt: '',
      isInternal: false,
      options: {},
      labels: {},
    },
    ipv4: { subnet, gateway: subnet, lastAddress: '', ipRange: '', auxiliary: [], auxiliaryNames: {} },
    ipv6: null,
  })

test('a network conflicts with a route into its addresses that is not its own', () => {
  const networks = [
    network('web', '10.8.0.0/16'),
    network('db', '172.18.0.0/16'),
    network('lan', '192.168.1.0/24', 'macvlan'),
  ]
  const own = [route('br-web', '0000080A', '0000FFFF'), route('br-db', '000012AC', '0000FFFF')]
  const lan = [route('eth0', '00000000', '00000000'), route('eth0', '0001A8C0', '00FFFFFF')]
  expect(findConflicts(networks, [HEAD, ...own, ...lan].join('\n'))).toEqual([])
  const vpn = route('tun0', '0001080A', '00FFFFFF')
  expect(findConflicts(networks, [HEAD, ...own, ...lan, vpn].join('\n'))).toEqual([
    { network: 'web', subnet: '10.8.0.0/16', route: '10.8.1.0/24' },
  ])
})
