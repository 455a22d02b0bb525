import { createRequire } from 'node:module'
import path from 'node:path'
import type { Plugin } from 'vite'

const CALL = /\(0, proto_loader_1\.loadSync\)\(`\$\{__dirname\}\/\.\.\/proto\/rpc\.proto`, /

/** The part of protobufjs that is used here; it comes with the client library. */
interface Protobuf {
  readonly Root: new () => {
    loadSync(file: string, options: object): { resolveAll(): { toJSON(): object } }
  }
}

/**
 * Bundles etcd's protocol: the client library reads it from a file beside itself, which a bundle does not have. A
 * library that does otherwise one day fails the build here, not the first cluster.
 */
export function etcdProtocol(): Plugin {
  return {
    name: 'etcd-protocol',
    transform(code, id) {
      if (!/\/etcd3\/lib\/connection-pool\.js$/.test(id)) return undefined
      if (!CALL.test(code)) this.error('etcd3 loads its protocol in a way that etcd-protocol.ts does not know')
      const load = createRequire(createRequire(id).resolve('@grpc/proto-loader'))
      const { Root } = load('protobufjs') as Protobuf
      const file = path.join(path.dirname(id), '../proto/rpc.proto')
      const json = JSON.stringify(new Root().loadSync(file, { keepCase: true }).resolveAll().toJSON())
      return { code: code.replace(CALL, () => `(0, proto_loader_1.fromJSON)(${json}, `), map: null }
    },
  }
}
