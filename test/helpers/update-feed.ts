import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

const SIGN = path.resolve(import.meta.dirname, '../../scripts/sign-update.mjs')
const DESCRIPTION = `latest-linux${process.arch === 'x64' ? '' : `-${process.arch}`}.yml`

/** How the server answers for a file instead of giving it whole. */
export type Fault = 'missing' | 'broken' | 'cut' | 'silent'

/** A web server with a folder of updates, as somebody who releases has it. */
export interface UpdateFeed {
  readonly url: string
  /** The public key that belongs to the signatures. */
  readonly keyFile: string
  /** Puts up a version whose package has these bytes, signed by `scripts/sign-update.mjs`. */
  publish(version: string, content: Buffer): void
  /** Changes a file of what was put up, by the end of its name. */
  change(end: string, edit: (text: string) => string): void
  /** Signs with a key that nobody knows. */
  signWithAnotherKey(): void
  /** Answers with a fault for every file whose name ends so. */
  fail(end: string, fault: Fault): void
  /** Paths that were asked for since the last version was put up. */
  readonly asked: string[]
  close(): void
}

/** Starts it on a free port of this machine, in a folder that is the caller's to remove. */
export async function startUpdateFeed(folder: string): Promise<UpdateFeed> {
  mkdirSync(folder, { recursive: true })
  const file = (name: string) => path.join(folder, name)
  const makeKey = (name: string) => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(file(`${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(file(`${name}.public.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
  }
  makeKey('release')
  makeKey('stranger')
  const sign = (key: string) => execFileSync(process.execPath, [SIGN, file(`${key}.pem`), file(DESCRIPTION)])
  let files: string[] = []
  let faults: { readonly end: string; readonly fault: Fault }[] = []
  const asked: string[] = []

  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '/', 'http://feed').pathname.slice(1)
    asked.push(name)
    const fault = faults.find(({ end }) => name.endsWith(end))?.fault
    if (fault === 'missing' || !files.includes(name)) return void response.writeHead(404).end()
    if (fault === 'broken') return void response.writeHead(500).end('out of order')
    const content = readFileSync(file(name))
    response.writeHead(200, { 'content-length': content.length })
    if (!fault) return void response.end(content)
    response.write(content.subarray(0, content.length / 2), () => fault === 'cut' && response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    keyFile: file('release.public.pem'),
    asked,
    publish(version, content) {
      const name = `Slipway-${version}.AppImage`
      writeFileSync(file(name), content)
      const sha512 = createHash('sha512').update(content).digest('base64')
      const entry = `url: ${name}\n    sha512: ${sha512}\n    size: ${content.length}`
      writeFileSync(file(DESCRIPTION), `version: ${version}\nfiles:\n  - ${entry}\nreleaseDate: '2030-01-01'\n`)
      sign('release')
      files = [name, DESCRIPTION, `${DESCRIPTION}.sig`]
      faults = []
      asked.length = 0
    },
    change(end, edit) {
      for (const name of files.filter((one) => one.endsWith(end)))
        writeFileSync(file(name), edit(readFileSync(file(name), 'utf8')))
    },
    signWithAnotherKey: () => void sign('stranger'),
    fail: (end, fault) => void faults.push({ end, fault }),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
