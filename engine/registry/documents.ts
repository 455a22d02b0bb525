import type { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { MAX_DOCUMENT_BYTES } from '../lib/oci.ts'
import type { RegistryResponse } from './transport.ts'

/** A document of a registry, read whole; one of more bytes than a document may have is refused as `reason`. */
export async function readBounded(
  response: RegistryResponse,
  { what, reason }: { readonly what: string; readonly reason: string },
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_DOCUMENT_BYTES)
      throw new EngineError('invalidArgument', reason, `${what} has more than ${MAX_DOCUMENT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The JSON of an answer; `null` where it is not of the shape. Too many bytes are an error. */
export async function readShape<T extends z.ZodType>(
  schema: T,
  response: RegistryResponse,
  what: string,
): Promise<z.output<T> | null> {
  const bytes = await readBounded(response, { what, reason: 'registry.answer-too-large' })
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch {
    return null
  }
}
