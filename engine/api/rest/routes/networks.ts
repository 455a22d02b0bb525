import { EngineError } from '../../../contract/errors.ts'
import { CreateNetwork, EndpointSpec, type NetworkSummary, PREDEFINED_NETWORKS } from '../../../contract/network.ts'
import { hasLabels } from '../../../lib/labels.ts'
import type { Services } from '../../../service/services.ts'
import { endpointId } from '../codec/endpoint.ts'
import { readEndpoint } from '../codec/endpoint-config.ts'
import { checked, type Json, object, text } from '../codec/json.ts'
import { filterFlag, PRUNE_FILTERS, parseFilters, pruneTest, readJson } from '../http.ts'
import type { Route } from '../router.ts'

/** `/networks/…`. */
export function networkRoutes({ network }: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/networks',
      handle: ({ query }) => {
        const filters = parseFilters(query.get('filters'), [
          'id',
          'name',
          'driver',
          'label',
          'type',
          'scope',
          'dangling',
        ])
        const any = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true
        const isOfType = typeTest(filters.get('type') ?? [])
        const dangling = filterFlag(filters, 'dangling')
        const shown = network
          .list()
          .filter(
            (one) =>
              any('id', (value) => one.id.startsWith(value)) &&
              any('name', (value) => one.name.includes(value)) &&
              any('driver', (value) => one.driver === value) &&
              any('scope', (value) => value === one.scope) &&
              isOfType(one) &&
              (dangling === undefined || isDangling(one) === dangling) &&
              hasLabels(one.labels, filters.get('label') ?? []),
          )
        return { status: 200, json: shown.map(toNetwork) }
      },
    },
    {
      method: 'POST',
      path: '/networks/create',
      handle: async ({ message }) => {
        const made = await network.create(fromCreateBody(await readJson(message)))
        return { status: 201, json: { Id: made.id, Warning: made.warnings.join('; ') } }
      },
    },
    {
      method: 'POST',
      path: '/networks/prune',
      handle: async ({ query }) => {
        const { removed } = await network.prune(pruneTest(parseFilters(query.get('filters'), PRUNE_FILTERS)))
        return { status: 200, json: { NetworksDeleted: removed } }
      },
    },
    {
      method: 'GET',
      path: '/networks/{id}',
      handle: ({ params }) => ({ status: 200, json: toNetwork(network.inspect(params['id'] ?? '')) }),
    },
    {
      method: 'DELETE',
      path: '/networks/{id}',
      handle: async ({ params }) => {
        await network.remove(params['id'] ?? '')
        return { status: 204 }
      },
    },
    {
      method: 'POST',
      path: '/networks/{id}/connect',
      handle: async ({ params, message }) => {
        const body = await readJson(message)
        const asked = readEndpoint(object(body['EndpointConfig']))
        const endpoint = checked(EndpointSpec.omit({ network: true }), asked, 'endpoint.invalid')
        await network.connect({ id: params['id'] ?? '', container: text(body['Container']), endpoint })
        return { status: 200 }
      },
    },
    {
      method: 'POST',
      path: '/networks/{id}/disconnect',
      handle: async ({ params, message }) => {
        const body = await readJson(message)
        const force = body['Force'] === true
        await network.disconnect({ id: params['id'] ?? '', container: text(body['Container']), force })
        return { status: 200 }
      },
    },
  ]
}

const isPredefined = ({ name }: NetworkSummary): boolean => PREDEFINED_NETWORKS.includes(name)

/** What a prune would remove. */
const isDangling = (one: NetworkSummary): boolean => !isPredefined(one) && one.endpoints.length === 0

/** Whether a network is of one of these types: `builtin` for those that are always there, `custom` for the user's. */
function typeTest(types: readonly string[]): (one: NetworkSummary) => boolean {
  for (const type of types)
    if (type !== 'builtin' && type !== 'custom')
      throw new EngineError('invalidArgument', 'filter.invalid', `invalid filter 'type=${type}': use builtin or custom`)
  return (one) => types.length === 0 || types.includes(isPredefined(one) ? 'builtin' : 'custom')
}

/** What this engine does not do is refused by name: nothing that was asked for is dropped silently. */
function assertSupported(body: Json): void {
  const ipam = text(object(body['IPAM'])['Driver']) || 'default'
  const from = text(object(body['ConfigFrom'])['Network'])
  const [asked] = [
    ...(body['EnableIPv4'] === false ? ['a network without IPv4 (--ipv4=false)'] : []),
    ...(body['ConfigOnly'] === true ? ['a network that is a configuration alone (--config-only)'] : []),
    ...(from ? [`the configuration of another network (--config-from ${from})`] : []),
    ...(ipam === 'default' ? [] : [`the IPAM driver ${JSON.stringify(ipam)}`]),
  ]
  if (asked !== undefined)
    throw new EngineError('notImplemented', 'network.not-supported', `${asked} is not implemented here`)
}

function fromCreateBody(body: Json): CreateNetwork {
  assertSupported(body)
  const pools = object(body['IPAM'])['Config']
  const asked = {
    name: text(body['Name']),
    driver: text(body['Driver']) || 'bridge',
    pools: (Array.isArray(pools) ? pools : []).map((pool: Json) => ({
      subnet: text(pool['Subnet']),
      gateway: text(pool['Gateway']),
      ipRange: text(pool['IPRange']),
      auxiliary: object(pool['AuxiliaryAddresses']),
    })),
    isInternal: body['Internal'] === true,
    enableIPv6: body['EnableIPv6'] === true,
    options: object(body['Options']),
    ipamOptions: object(object(body['IPAM'])['Options']),
    labels: object(body['Labels']),
  }
  return checked(CreateNetwork, asked, 'network.invalid')
}

/** Addresses that were set aside in one pool, by their names; nothing where there are none. */
function auxiliaryOf({ auxiliary }: NetworkSummary, isOfPool: (address: string) => boolean) {
  const found = Object.entries(auxiliary).filter(([, address]) => isOfPool(address))
  return found.length > 0 ? { AuxiliaryAddresses: Object.fromEntries(found) } : {}
}

function toNetwork(network: NetworkSummary) {
  const pools = [
    {
      Subnet: network.subnet,
      Gateway: network.gateway,
      ...(network.ipRange ? { IPRange: network.ipRange } : {}),
      ...auxiliaryOf(network, (address) => !address.includes(':')),
    },
    {
      Subnet: network.ipv6Subnet,
      Gateway: network.ipv6Gateway,
      ...auxiliaryOf(network, (address) => address.includes(':')),
    },
  ].filter(({ Subnet }) => Subnet)
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: network.scope,
    Driver: network.driver === 'none' ? 'null' : network.driver,
    EnableIPv4: true,
    EnableIPv6: network.enableIPv6,
    IPAM: { Driver: 'default', Options: network.ipamOptions, Config: pools },
    Internal: network.isInternal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      network.endpoints
        .filter(({ isRunning }) => isRunning)
        .map((endpoint) => [
          endpoint.containerId,
          {
            Name: endpoint.name,
            EndpointID: endpointId(endpoint.containerId, network.id),
            MacAddress: endpoint.macAddress,
            IPv4Address: endpoint.ipAddress ? `${endpoint.ipAddress}/${endpoint.prefix}` : '',
            IPv6Address: endpoint.ipv6Address ? `${endpoint.ipv6Address}/${endpoint.ipv6Prefix}` : '',
          },
        ]),
    ),
    Options: network.options,
    Labels: network.labels,
    ...(network.peers.length > 0
      ? { Peers: network.peers.map(({ name, address }) => ({ Name: name, IP: address })) }
      : {}),
  }
}
