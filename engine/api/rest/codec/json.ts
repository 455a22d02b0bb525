import type { z } from 'zod'
import { EngineError } from '../../../contract/errors.ts'

/** A JSON object as it came. */
export type Json = Record<string, unknown>

/** The value as an object; anything else is an empty one. */
export const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
/** The value as a list of texts; a single one is a list of one. */
export const list = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : value ? [String(value)] : []
/** The objects of a list. */
export const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.map(object) : [])
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
/** An object of texts. */
export const texts = (value: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(object(value)).map(([key, one]) => [key, String(one ?? '')]))

/**
 * The value as the schema has it.
 * @throws EngineError `invalidArgument`, with the reason given, that names the bad field
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown, reason: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EngineError('invalidArgument', reason, `${issue?.path.join('.')}: ${issue?.message}`)
}
