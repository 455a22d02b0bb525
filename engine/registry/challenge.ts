/** What a registry asks for in `WWW-Authenticate` (RFC 9110, 11.6.1). */
export interface Challenge {
  readonly scheme: 'bearer' | 'basic'
  readonly realm: string
  readonly service: string
  readonly scope: string
}

/** The first challenge that we can meet; a token is preferred. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge | null {
  const texts = header === undefined ? [] : typeof header === 'string' ? [header] : header
  const found = texts.flatMap((text) => {
    const match = /^\s*(bearer|basic)\b(.*)$/is.exec(text)
    if (!match) return []
    const values = new Map<string, string>()
    for (const [, key = '', quoted, bare] of (match[2] ?? '').matchAll(
      /([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
    )) {
      values.set(key.toLowerCase(), (quoted ?? bare ?? '').replace(/\\(.)/g, '$1'))
    }
    const challenge: Challenge = {
      scheme: match[1]?.toLowerCase() === 'bearer' ? 'bearer' : 'basic',
      realm: values.get('realm') ?? '',
      service: values.get('service') ?? '',
      scope: values.get('scope') ?? '',
    }
    return [challenge]
  })
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0] ?? null
}
