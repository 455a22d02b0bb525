import { EngineError } from '../contract/errors.ts'

/** Whether a failure is the connection's and a new one may fare better. */
export function isBroken(error: unknown): boolean {
  if (error instanceof EngineError) return false
  const { code } = error as NodeJS.ErrnoException
  return (
    typeof code === 'string' &&
    !/^(ERR_TLS|CERT|DEPTH|SELF|UNABLE|ENOTFOUND|EAI_AGAIN|ERR_SSL|ENOSPC|EDQUOT|EACCES|EIO)/.test(code)
  )
}

/** A broken connection as an error that names the registry. */
export function describeFailure(error: unknown, { host }: URL): EngineError {
  const known = EngineError.from(error)
  if (known === error || known.reason !== 'internal') return known
  const { message, code } = error as NodeJS.ErrnoException
  const fail = (reason: string, why: string) =>
    new EngineError('unavailable', reason, `${host} ${why}`, { cause: error, details: { host } })
  if (/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/.test(code ?? '')) {
    return fail(
      'registry.untrusted',
      `shows a certificate that no authority known here vouches for (${message}); put that authority down as ${placesOf(host, 'ca.crt')}, or among those of the system`,
    )
  }
  // Said during the handshake up to TLS 1.2; in 1.3 such a server mostly just closes the connection.
  if (/^ERR_SSL_.*ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|HANDSHAKE_FAILURE)$/.test(code ?? '')) {
    return fail(
      'registry.wants-certificate',
      `wants a certificate of its clients (${message}); put yours down as ${placesOf(host, 'client.cert')}, with its client.key beside it`,
    )
  }
  return fail('registry.unreachable', `cannot be reached: ${message || code}`)
}

const placesOf = (host: string, name: string): string =>
  [`/etc/docker`, `~/.docker`].map((folder) => `${folder}/certs.d/${host}/${name}`).join(' or ')
