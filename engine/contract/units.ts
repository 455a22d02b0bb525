/** What a frame of a stream costs against the credit of whoever reads it: bytes of `data`, the characters of a batch of lines, or 1. */
export function unitsOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, line) => sum + charactersOf(line), 1)
  const data = (value as { data?: unknown } | null)?.data
  return data instanceof Uint8Array ? data.byteLength : 1
}

/** Of a line of a container's log (`text`) or of the app's own (`message`, `fields`). */
function charactersOf(line: unknown): number {
  const { text, message, fields } = (line ?? {}) as Readonly<Record<string, unknown>>
  return [text, message, fields].reduce<number>((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0)
}
