import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import type { TransformOptions } from 'node:stream'
import { createGunzip, type ZlibOptions } from 'node:zlib'
import { Decompress } from 'fzstd'
import { EngineError } from '../../contract/errors.ts'
import { findTool } from '../find-tool.ts'

const CHUNK = 1024 * 1024
const MAX_RATIO = 1000
const RATIO_FREE_BYTES = 64 * 1024 * 1024
const MAX_INFLATED_BYTES = 64 * 1024 ** 3

export type Compression = 'none' | 'gzip' | 'zstd'

/** Takes a layer's bytes as they lie, gives them inflated to `onData`. `finish` waits for the last of them. */
export interface Inflater {
  write(chunk: Buffer): Promise<void> | void
  finish(): Promise<void>
}

/** Told by the first bytes. */
export function detectCompression(magic: Buffer): Compression {
  if (magic.length >= 2 && magic[0] === 0x1f && magic[1] === 0x8b) return 'gzip'
  return magic.length >= 4 && magic.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none'
}

/** Starts what inflates, before the worker's root is entered. zstd by the system's tool, or here where that is missing. */
export function createInflater(compression: Compression, onData: (chunk: Buffer) => void): Inflater | null {
  if (compression === 'none') return null
  if (compression === 'gzip') return createGzipInflater(onData)
  const tool = findTool('zstd')
  return tool ? createToolInflater(tool, { args: ['-dcq'], kind: 'zstd' }, onData) : createZstdInflater(onData)
}

/** Inflates on the thread pool while this thread hashes and writes what came before. */
function createGzipInflater(onData: (chunk: Buffer) => void): Inflater {
  const options: ZlibOptions & TransformOptions = { chunkSize: CHUNK / 2, highWaterMark: 2 * CHUNK }
  const gunzip = createGunzip(options)
  return createPumped(gunzip, gunzip, onData, async () => {})
}

/** Inflates by a program that reads one stream and writes the other. */
export function createToolInflater(
  tool: string,
  how: { readonly args: readonly string[]; readonly kind: string },
  onData: (chunk: Buffer) => void,
): Inflater {
  const child = spawn(tool, [...how.args], { stdio: ['pipe', 'pipe', 'ignore'] }) as ChildProcess & {
    stdin: NodeJS.WritableStream
    stdout: NodeJS.ReadableStream
  }
  const exit = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(truncated(error.message)))
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(truncated(`its ${how.kind} data is damaged or cut short`)),
    )
  })
  exit.catch(() => {})
  return createPumped(child.stdin, child.stdout, onData, () => exit)
}

/** Writes into one end, reads the other; a failure at either end reaches whoever writes next. */
function createPumped(
  input: NodeJS.WritableStream,
  output: NodeJS.ReadableStream,
  onData: (chunk: Buffer) => void,
  closed: () => Promise<void>,
): Inflater {
  const state: { failure?: { readonly error: unknown } } = {}
  const check = () => {
    if (state.failure) throw state.failure.error
  }
  let wake: (() => void) | undefined
  const reading = (async () => {
    for await (const chunk of output) onData(chunk as Buffer)
  })().catch((error: unknown) => {
    state.failure ??= { error }
    wake?.()
  })
  input.on('error', (error: NodeJS.ErrnoException) => {
    // The reader knows better why a tool closed its pipe.
    if (error.code !== 'EPIPE') state.failure ??= { error }
    wake?.()
  })
  input.on('drain', () => wake?.())
  input.on('close', () => wake?.())
  return {
    async write(chunk) {
      check()
      if (input.write(chunk) || !input.writable) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      check()
    },
    async finish() {
      input.end()
      await reading
      check()
      await closed()
    },
  }
}

/** Inflates zstd on this thread, for machines without the tool. */
export function createZstdInflater(onData: (chunk: Buffer) => void): Inflater {
  let isComplete = false
  const stream = new Decompress((chunk, final) => {
    isComplete = final === true
    if (chunk.length > 0) onData(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  })
  const guard = (work: () => void) => {
    try {
      work()
    } catch (error) {
      // fzstd's own errors have numbers for codes; those of writing what it inflated have names.
      const isOwn = error instanceof EngineError || typeof (error as NodeJS.ErrnoException).code === 'string'
      throw isOwn ? error : truncated(String(error))
    }
  }
  return {
    // What it inflates at once is bounded by how little it is given.
    write: (chunk) =>
      guard(() => {
        for (let at = 0; at < chunk.length; at += 64 * 1024) stream.push(chunk.subarray(at, at + 64 * 1024))
      }),
    finish: async () => {
      guard(() => stream.push(new Uint8Array(0), true))
      if (!isComplete) throw truncated('its zstd data is cut short')
    },
  }
}

/** Refuses what inflates past every measure. `sizeBytes` is how large it lies on disk; reasons begin with `subject`. */
export function assertNoBomb(subject: 'layer' | 'archive', inflatedBytes: number, sizeBytes: number): void {
  const isBomb =
    inflatedBytes > MAX_INFLATED_BYTES || (inflatedBytes > RATIO_FREE_BYTES && inflatedBytes > sizeBytes * MAX_RATIO)
  if (!isBomb) return
  throw new EngineError(
    'invalidArgument',
    `${subject}.bomb`,
    `the ${subject} of ${sizeBytes} bytes inflates to more than ${inflatedBytes} bytes and was refused`,
    {
      details: { sizeBytes, inflatedBytes },
    },
  )
}

/** Chunks of a range of a file. The same memory is used again only for `reuse`. */
export function* readRange(fd: number, offset: number, length: number, reuse: boolean): Generator<Buffer> {
  let buffer = Buffer.allocUnsafeSlow(CHUNK)
  for (let done = 0; done < length; ) {
    const part = fs.readSync(fd, buffer, 0, Math.min(CHUNK, length - done), offset + done)
    if (part === 0) throw truncated(`${length} bytes are named, ${done} are there`)
    done += part
    yield buffer.subarray(0, part)
    if (!reuse) buffer = Buffer.allocUnsafeSlow(CHUNK)
  }
}

/** A layer that ends too early. */
export function truncated(why: string): EngineError {
  return new EngineError('invalidArgument', 'layer.truncated', `the layer cannot be read: ${why}`)
}
