import { CreateContainer, PortProtocol } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { ImageHealthcheck, readHealthcheck } from '../../../lib/healthcheck.ts'
import { assertSupported, readResources, readSettings } from './create-host.ts'
import { readMounts } from './create-mounts.ts'
import { readEndpoint } from './endpoint-config.ts'
import { checked, type Json, list, number, object, text } from './json.ts'

/**
 * The body of `POST /containers/create` in the engine's own terms.
 * @throws EngineError `invalidArgument` that names the bad field
 */
export function fromCreateBody(body: Json, name: string): CreateContainer {
  const host = object(body['HostConfig'])
  assertSupported(host)
  const restart = object(host['RestartPolicy'])
  const network = text(host['NetworkMode'])
  if (host['AutoRemove'] === true && !['', 'no'].includes(text(restart['Name'])))
    throw new EngineError(
      'invalidArgument',
      'create.auto-remove',
      "can't create 'AutoRemove' container with restart policy",
    )
  const asked = {
    image: text(body['Image']),
    name: name.replace(/^\//, ''),
    command: body['Cmd'] ? list(body['Cmd']) : null,
    entrypoint: body['Entrypoint'] ? list(body['Entrypoint']) : null,
    env: list(body['Env']),
    user: text(body['User']) || null,
    workingDir: text(body['WorkingDir']) || null,
    hostname: text(body['Hostname']),
    labels: object(body['Labels']),
    tty: body['Tty'] === true,
    openStdin: body['OpenStdin'] === true,
    init: host['Init'] === true,
    privileged: host['Privileged'] === true,
    readOnlyRootfs: host['ReadonlyRootfs'] === true,
    autoRemove: host['AutoRemove'] === true,
    capAdd: list(host['CapAdd']),
    capDrop: list(host['CapDrop']),
    ports: toPorts(object(host['PortBindings'])),
    exposedPorts: Object.keys(object(body['ExposedPorts'])).map((key) => (key.includes('/') ? key : `${key}/tcp`)),
    publishAllPorts: host['PublishAllPorts'] === true,
    mounts: readMounts(body, host),
    restart: {
      name: text(restart['Name']) || 'no',
      maximumRetryCount: number(restart['MaximumRetryCount']),
    },
    healthcheck: readHealthcheck(checked(ImageHealthcheck, object(body['Healthcheck']), 'create.invalid')),
    resources: readResources(host),
    ...readSettings(host),
    domainname: text(body['Domainname']),
    stdinOnce: body['StdinOnce'] === true,
    stopSignal: text(body['StopSignal']) || null,
    ...(typeof body['StopTimeout'] === 'number' ? { stopTimeoutSeconds: body['StopTimeout'] } : {}),
    extraHosts: list(host['ExtraHosts']),
    network: network === '' || network === 'default' ? 'bridge' : network,
    endpoints: Object.entries(object(object(body['NetworkingConfig'])['EndpointsConfig'])).map(toEndpoint),
    links: list(host['Links']),
    dns: list(host['Dns']),
    dnsSearch: list(host['DnsSearch']),
    dnsOptions: list(host['DnsOptions']),
  }
  return checked(CreateContainer, asked, 'create.invalid')
}

function toPorts(bindings: Json) {
  return Object.entries(bindings).flatMap(([key, value]) => {
    const port = parsePortKey(key)
    const hosts = Array.isArray(value) && value.length > 0 ? value : [{}]
    return hosts.map((one) => {
      const { HostIp, HostPort } = one as { HostIp?: string; HostPort?: string }
      return { ...port, hostIp: HostIp ?? '', ...parseHostPort(HostPort ?? '') }
    })
  })
}

/** `8080`, or `8000-8010` for the first that is free. */
function parseHostPort(value: string): { hostPort: number; hostPortEnd?: number } {
  const [, first = '', last] = /^(\d*)(?:-(\d+))?$/.exec(value) ?? []
  const [hostPort, hostPortEnd] = [Number(first), Number(last ?? first)]
  if ((value !== '' && first === '') || hostPortEnd > 65_535 || hostPortEnd < hostPort)
    throw new EngineError(
      'invalidArgument',
      'port.invalid',
      `invalid port or range of the host: ${JSON.stringify(value)}`,
    )
  return last === undefined ? { hostPort } : { hostPort, hostPortEnd }
}

function parsePortKey(key: string): { containerPort: number; protocol: string } {
  const [port = '', protocol = 'tcp', rest] = key.split('/')
  const containerPort = /^\d{1,5}$/.test(port) ? Number(port) : 0
  const isKnown = PortProtocol.safeParse(protocol).success && rest === undefined
  if (isKnown && containerPort >= 1 && containerPort <= 65_535) return { containerPort, protocol }
  throw new EngineError(
    'invalidArgument',
    'port.invalid',
    `invalid port of the container: ${JSON.stringify(key)} is not 1 to 65535 with ${PortProtocol.options.join(', ')}`,
  )
}

function toEndpoint([network, value]: readonly [string, unknown]) {
  return { network: network === 'default' ? 'bridge' : network, ...readEndpoint(object(value)) }
}
