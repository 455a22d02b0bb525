const CUT = 'the answer was cut off'
/** Chromium tells by code names only. */
const BY_NAME: Readonly<Record<string, string>> = {
  CONTENT_LENGTH_MISMATCH: CUT,
  INCOMPLETE_CHUNKED_ENCODING: CUT,
  CONNECTION_CLOSED: CUT,
  EMPTY_RESPONSE: CUT,
  CONNECTION_REFUSED: 'nobody answers at this address',
  NAME_NOT_RESOLVED: 'there is no server of this name, or no network',
  INTERNET_DISCONNECTED: 'there is no network',
}

/** Why something of an update could not be read, in words for a person. */
export function whyFailed(error: unknown): string {
  const { message = String(error), code } = error as { readonly message?: string; readonly code?: string }
  if (code === 'ERR_CHECKSUM_MISMATCH') return 'its checksum is not the signed one'
  const name = /net::ERR_([A-Z_]+)/.exec(message)?.[1]
  if (name) return BY_NAME[name] ?? name.toLowerCase().replaceAll('_', ' ')
  return message.split('\n')[0] ?? ''
}
