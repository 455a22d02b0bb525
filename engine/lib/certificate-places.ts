import path from 'node:path'

/** Where certificates for speaking to registries lie. */
export interface CertificatePlaces {
  /** Authorities that the system trusts, as PEM; the first that is there counts. */
  readonly bundles: readonly string[]
  /** Folders of such authorities, one or more a file. */
  readonly folders: readonly string[]
  /** Folders that hold `certs.d`: what a person has put down for single registries. */
  readonly registryFolders: readonly string[]
}

/** As Go's `crypto/x509` looks, and so docker: Debian, Fedora, openSUSE, older Red Hat, Alpine. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
const FOLDERS = ['/etc/ssl/certs', '/etc/pki/tls/certs']

/**
 * The places of this machine. `SSL_CERT_FILE` and `SSL_CERT_DIR` (several, with a colon between) stand in for the
 * system's; the system's folders are for those that have no bundle.
 */
export function certificatePlaces(
  env: NodeJS.ProcessEnv,
  { isRoot, home, dockerConfigFolder }: { isRoot: boolean; home: string; dockerConfigFolder: string },
): CertificatePlaces {
  const file = env['SSL_CERT_FILE'] ?? ''
  const folders = (env['SSL_CERT_DIR'] ?? '').split(':').filter(Boolean)
  const userFolder = path.join(env['XDG_CONFIG_HOME'] || path.join(home, '.config'), 'docker')
  return {
    bundles: file ? [file] : BUNDLES,
    folders: folders.length > 0 || file ? folders : FOLDERS,
    registryFolders: ['/etc/docker', ...(isRoot ? [] : [userFolder]), dockerConfigFolder],
  }
}
