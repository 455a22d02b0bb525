import { z } from 'zod'
import { checked, type Json } from './json.ts'

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
export const readVolume = (body: Json) => checked(CreateBody, body, 'body.invalid')
