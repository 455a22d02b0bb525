import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import net from 'node:net'

/** A socket that takes one connection. */
export interface OneConnection {
  readonly path: string
  /** The connection, once it is made. Nothing else gets in. */
  accept(): Promise<net.Socket>
  close(): Promise<void>
}

/** Listens in a folder that only this user enters. */
export async function listenOnce(folder: string): Promise<OneConnection> {
  const path = `${folder}/x-${randomBytes(6).toString('hex')}`
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.maxConnections = 1
  const connection = new Promise<net.Socket>((resolve, reject) => {
    server.once('connection', (socket) => {
      socket.on('error', () => {})
      server.close()
      resolve(socket)
    })
    server.once('error', reject)
  })
  connection.catch(() => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return {
    path,
    accept: () => connection,
    async close() {
      server.close()
      await rm(path, { force: true })
    },
  }
}
