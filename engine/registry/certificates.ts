import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { rootCertificates } from 'node:tls'
import { EngineError } from '../contract/errors.ts'
import type { CertificatePlaces } from '../lib/certificate-places.ts'

const BLOCK = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g

/** A certificate that proves who we are, with its key; both as PEM. */
export interface ClientCertificate {
  readonly certificate: string
  readonly key: string
}

/** What a person has put down for one registry, as PEM. */
export interface HostCertificates {
  readonly authorities: readonly string[]
  readonly clients: readonly ClientCertificate[]
}

/**
 * Reads what the system trusts beside the authorities that come with Node: a company's own, say. It is read again when
 * a file or folder of it has changed, and is the same array as long as none has.
 */
export function createSystemAuthorities({ bundles, folders }: CertificatePlaces): () => Promise<readonly string[]> {
  let known: { readonly mark: string; readonly authorities: Promise<readonly string[]> } | undefined
  return async () => {
    const bundle = await firstFile(bundles)
    const places = [bundle ?? [], folders].flat()
    const mark = JSON.stringify(await Promise.all(places.map(markOf)))
    if (known?.mark !== mark) known = { mark, authorities: readSystem(bundle, folders) }
    return known.authorities
  }
}

async function firstFile(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    if ((await stat(file).catch(() => null))?.isFile()) return file
  }
  return undefined
}

const markOf = (place: string) =>
  stat(place).then(
    ({ mtimeMs, size, ino }) => [place, mtimeMs, size, ino],
    () => [place],
  )

async function readSystem(bundle: string | undefined, folders: readonly string[]): Promise<readonly string[]> {
  const inFolders = await Promise.all(folders.map(listFiles))
  // Folders of hashed links name each file twice, and most of it is what Node has.
  const known = new Set(rootCertificates.map(bare))
  const found: string[] = []
  for (const file of [...(bundle ? [bundle] : []), ...inFolders.flat()]) {
    for (const block of blocksOf(await readFile(file, 'utf8').catch(() => ''))) {
      if (known.has(bare(block)) || !isCertificate(block)) continue
      known.add(bare(block))
      found.push(block)
    }
  }
  return found
}

const listFiles = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).sort().map((name) => path.join(folder, name))

const blocksOf = (text: string): readonly string[] => text.match(BLOCK) ?? []
const bare = (pem: string): string => pem.replace(/\s+/g, '')

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

/**
 * Reads what docker reads for a registry: of `certs.d/HOST[:PORT]/` every `NAME.crt` is an authority, and every
 * `NAME.cert` with its `NAME.key` a certificate of ours. What is there and cannot be used is an error that names it.
 */
export async function readHostCertificates(
  host: string,
  { registryFolders }: Pick<CertificatePlaces, 'registryFolders'>,
): Promise<HostCertificates> {
  const folders = [...new Set(registryFolders)].map((folder) => path.join(folder, 'certs.d', host))
  const files = (await Promise.all(folders.map(listFiles))).flat()
  const ending = (suffix: string) => files.filter((file) => file.endsWith(suffix))
  const authorities = await Promise.all(ending('.crt').map(readAuthorities))
  const clients = await Promise.all(ending('.cert').map((file) => readClient(file, files)))
  const stem = (file: string) => file.replace(/\.(cert|key)$/, '')
  const lone = ending('.key').find((key) => !ending('.cert').map(stem).includes(stem(key)))
  if (lone) throw unusable(lone, `it has no ${path.basename(stem(lone))}.cert beside it`)
  return { authorities: authorities.flat(), clients }
}

async function readAuthorities(file: string): Promise<readonly string[]> {
  const found = blocksOf(await readText(file)).filter(isCertificate)
  if (found.length > 0) return found
  throw unusable(file, 'it holds no certificate as PEM')
}

async function readClient(file: string, files: readonly string[]): Promise<ClientCertificate> {
  const keyFile = file.replace(/\.cert$/, '.key')
  if (!files.includes(keyFile)) {
    const name = path.basename(keyFile)
    throw unusable(file, `it has no ${name} beside it; an authority of the registry ends in .crt`)
  }
  const [certificate, key] = await Promise.all([readText(file), readText(keyFile)])
  if (!isCertificate(certificate)) throw unusable(file, 'it holds no certificate as PEM')
  const parsed = parseKey(key)
  if (!parsed) throw unusable(keyFile, 'it holds no key as PEM that can be read without a password')
  if (!new X509Certificate(certificate).checkPrivateKey(parsed)) {
    throw unusable(keyFile, `it is not the key of ${path.basename(file)}`)
  }
  return { certificate, key }
}

function parseKey(pem: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    return null
  }
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unusable(file, `it cannot be read (${cause.code})`)
  })
}

const unusable = (file: string, why: string): EngineError =>
  new EngineError('invalidArgument', 'certificate.unusable', `${file} cannot be used: ${why}; mend or remove it`, {
    details: { file },
  })
