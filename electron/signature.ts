import { createPublicKey, verify } from 'node:crypto'

/**
 * Whether a description of an update was signed with the key of this build: Ed25519 over its bytes, in base64 beside it. The description has the
 * SHA-512 of every file, so what it vouches for is vouched for too.
 */
export function isSigned(description: string, signature: string, publicKeyPem: string): boolean {
  if (!/^[A-Za-z0-9+/]{86}==\s*$/.test(signature)) return false
  const key = createPublicKey(publicKeyPem)
  if (key.asymmetricKeyType !== 'ed25519') return false
  return verify(null, Buffer.from(description), key, Buffer.from(signature.trim(), 'base64'))
}
