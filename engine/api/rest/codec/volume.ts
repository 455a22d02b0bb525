import { z } from 'zod'
import { EngineError } from '../../../contract/errors.ts'
import type { Json } from './json.ts'

const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {})
const name = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

const CreateBody = z.object({ Name: name, Driver: name, DriverOpts: texts, Labels: texts })

/** The body of a create request: what is stored of it must be readable at the next start. */
export function readVolume(body: Json): z.output<typeof CreateBody> {
  const parsed = CreateBody.safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EngineError('invalidArgument', 'body.invalid', `invalid JSON: ${issue?.path.join('.')}: ${issue?.message}`)
}
