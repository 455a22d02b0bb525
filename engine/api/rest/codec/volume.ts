import { z } from 'zod'
import type { VolumeSummary } from '../../../contract/volume.ts'
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

/** A volume as `/volumes` has it. */
export const toVolume = ({ name, driver, createdAt, mountpoint, labels, options, scope }: VolumeSummary) => ({
  Name: name,
  Driver: driver,
  Mountpoint: mountpoint,
  ...(createdAt ? { CreatedAt: createdAt } : {}),
  Labels: labels,
  Scope: scope,
  Options: options,
})
