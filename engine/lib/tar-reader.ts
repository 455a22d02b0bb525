import { EngineError } from '../contract/errors.ts'
import {
  applyOverrides,
  isExtension,
  MAX_EXTENSION_BYTES,
  paddedSize,
  readExtension,
  readTarHeader,
  TAR_BLOCK,
  type TarHeader,
  type TarOverrides,
} from './tar-headers.ts'

/** Receives a tar's entries in order. Chunks of `data` are valid during the call alone. */
export interface TarSink {
  begin(header: TarHeader): void
  data(chunk: Buffer): void
  end(header: TarHeader): void
}

export interface TarReader {
  push(chunk: Buffer): void
  /** Says that no more bytes come; throws when the tar ended inside an entry. */
  finish(): void
}

/** Reads a tar that comes in chunks of any size, without waiting and in bounded memory. Throws `layer.truncated` or `layer.bad-tar`. */
export function createTarReader(sink: TarSink): TarReader {
  const block = Buffer.alloc(TAR_BLOCK)
  let filled = 0
  let state: 'header' | 'content' | 'extension' | 'padding' | 'done' = 'header'
  let remaining = 0
  let padding = 0
  let entries = 0
  let current: TarHeader | null = null
  let body: Buffer | null = null
  let next: TarOverrides = {}

  const afterContent = () => {
    if (current && state === 'content') sink.end(current)
    else if (current && body && !readExtension(current.type, body, next))
      throw badTar(`its entry ${entries} has a malformed extended header`)
    current = body = null
    remaining = padding
    state = padding > 0 ? 'padding' : 'header'
  }

  const onHeader = (bytes: Buffer) => {
    const header = readTarHeader(bytes)
    if (header === 'end') {
      state = 'done'
      return
    }
    if (header === 'bad')
      throw badTar(
        entries === 0 ? 'it does not begin with a tar header' : `the header after entry ${entries} is damaged`,
      )
    entries += 1
    current = header
    if (isExtension(header.type)) {
      if (header.size > MAX_EXTENSION_BYTES)
        throw badTar(`its entry ${entries} has an extended header of ${header.size} bytes`)
      state = 'extension'
      body = Buffer.alloc(header.size)
    } else {
      applyOverrides(header, next)
      next = {}
      state = 'content'
      sink.begin(header)
    }
    remaining = header.size
    padding = paddedSize(header.size) - header.size
    if (remaining === 0) afterContent()
  }

  return {
    push(chunk) {
      let at = 0
      while (at < chunk.length && state !== 'done') {
        if (state === 'header') {
          if (filled === 0 && chunk.length - at >= TAR_BLOCK) {
            onHeader(chunk.subarray(at, at + TAR_BLOCK))
            at += TAR_BLOCK
            continue
          }
          const part = Math.min(TAR_BLOCK - filled, chunk.length - at)
          chunk.copy(block, filled, at, at + part)
          filled += part
          at += part
          if (filled < TAR_BLOCK) return
          filled = 0
          onHeader(block)
          continue
        }
        const part = Math.min(remaining, chunk.length - at)
        if (state === 'content') sink.data(chunk.subarray(at, at + part))
        else if (state === 'extension' && body) chunk.copy(body, body.length - remaining, at, at + part)
        at += part
        remaining -= part
        if (remaining > 0) return
        if (state === 'padding') state = 'header'
        else afterContent()
      }
    },
    finish() {
      if (state === 'done' || (state === 'header' && filled === 0)) return
      const where = current ? `inside ${JSON.stringify(current.name.slice(0, 200))}` : `after entry ${entries}`
      throw new EngineError('invalidArgument', 'layer.truncated', `the layer is cut short ${where}`)
    },
  }
}

function badTar(why: string): EngineError {
  return new EngineError('invalidArgument', 'layer.bad-tar', `the layer is no valid tar: ${why}`)
}
