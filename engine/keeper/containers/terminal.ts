import { Duplex } from 'node:stream'
import { writeControl } from './log-rotation.ts'

const MAX_SIZE = 1000

/**
 * Joins an attach socket, the control fifo and an exit code into one terminal stream (frames: see `TerminalStream`
 * in host.ts). The exit frame comes after the last output.
 */
export function createTerminal(options: { readonly socket: Duplex; readonly ctlPath: string; readonly exited: Promise<number> }): Duplex {
  const { socket, ctlPath, exited } = options
  const stream = new Duplex({
    readableObjectMode: true,
    readableHighWaterMark: 16,
    read() {
      socket.resume()
    },
    write(frame: Buffer, _encoding, done) {
      const body = frame.subarray(1)
      switch (frame[0]) {
        case 0:
          if (socket.write(body)) done()
          else socket.once('drain', () => done())
          return
        case 1: {
          const [columns = 80, rows = 24] = body.toString().split(' ').map((part) => Math.min(MAX_SIZE, Math.max(1, Number(part) || 1)))
          writeControl(ctlPath, `1 ${rows} ${columns}\n`).then(
            () => done(),
            () => done(),
          )
          return
        }
        default:
          socket.end()
          done()
      }
    },
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (packet: Buffer) => {
    if (!stream.push(packet)) socket.pause()
  })
  socket.on('error', (error) => stream.destroy(error))
  socket.on('end', () => {
    void exited.then((code) => {
      stream.push(Buffer.concat([Buffer.of(4), Buffer.from(String(code))]))
      stream.push(null)
    })
  })
  return stream
}
