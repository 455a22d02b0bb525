/** Well-known ports by IANA's service names: those that containers serve and programs look up. */
const WELL_KNOWN: ReadonlyMap<string, number> = new Map([
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['http', 80],
  ['kerberos', 88],
  ['pop3', 110],
  ['ntp', 123],
  ['imap', 143],
  ['snmp', 161],
  ['ldap', 389],
  ['https', 443],
  ['syslog', 514],
  ['submission', 587],
  ['ldaps', 636],
  ['domain-s', 853],
  ['imaps', 993],
  ['pop3s', 995],
  ['ms-sql-s', 1433],
  ['mqtt', 1883],
  ['nfs', 2049],
  ['etcd-client', 2379],
  ['etcd-server', 2380],
  ['mysql', 3306],
  ['sip', 5060],
  ['xmpp-client', 5222],
  ['xmpp-server', 5269],
  ['postgresql', 5432],
  ['amqps', 5671],
  ['amqp', 5672],
  ['redis', 6379],
  ['http-alt', 8080],
  ['secure-mqtt', 8883],
  ['memcache', 11_211],
  ['mongodb', 27_017],
])
const SERVICE_NAME = /^_([^.]+)\._(tcp|udp|sctp)\.(.+)$/

/** A service as it is asked for by SRV (RFC 2782). */
export interface ServiceQuestion {
  /** Whose service: a name as in any other question. */
  readonly name: string
  /** `80/tcp`; empty when nobody knows a service of this name. */
  readonly port: string
}

/** Reads `_http._tcp.web` or `_8080._tcp.web`, in any case; `null` when a name is not of that form. */
export function parseService(question: string): ServiceQuestion | null {
  const [, service = '', protocol = '', name = ''] = SERVICE_NAME.exec(question.toLowerCase()) ?? []
  if (!name) return null
  const port = /^\d+$/.test(service) ? Number(service) : WELL_KNOWN.get(service)
  return { name, port: port === undefined ? '' : `${port}/${protocol}` }
}
