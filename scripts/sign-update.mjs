// `node scripts/sign-update.mjs KEY.pem FILE…`: writes FILE.sig beside each description of an update (latest-linux.yml).
// The key is an Ed25519 private key; its public half goes into the package as assets/update-key.pem.
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

const [keyFile, ...files] = process.argv.slice(2)
if (!keyFile || files.length === 0) {
  process.stderr.write('slipway: name the private key and the files to sign\n')
  process.exit(1)
}
const key = createPrivateKey(readFileSync(keyFile))
if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${keyFile} is no Ed25519 key`)
for (const file of files) writeFileSync(`${file}.sig`, `${sign(null, readFileSync(file), key).toString('base64')}\n`)
