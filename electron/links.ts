import { z } from 'zod'
import type { DesktopLink } from '../engine/contract/desktop.ts'
import { parseReference } from '../engine/lib/reference.ts'

/*
 * The addresses that other programs may open:
 *
 *   slipway://container/NAME   slipway://network/NAME   slipway://volume/NAME   slipway://image/REFERENCE
 *   slipway://run?image=REFERENCE   slipway://pull?image=REFERENCE
 *
 * Anybody can make one, so they only ever show something or fill in a dialog, and whatever is not exactly this is nothing.
 */
const LONGEST = 1000
const SCHEME = 'slipway:'

const Name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/)
const ImageName = z.string().refine((text) => {
  try {
    return parseReference(text) !== null
  } catch {
    return false
  }
})

const Link = z.union([
  z.strictObject({ type: z.enum(['container', 'network', 'volume']), name: Name, query: z.tuple([]) }),
  z.strictObject({ type: z.literal('image'), name: ImageName, query: z.tuple([]) }),
  z.strictObject({
    type: z.enum(['run', 'pull']),
    name: z.literal(''),
    query: z.tuple([z.tuple([z.literal('image'), ImageName])]),
  }),
])

/** Reads a `slipway://` address; `null` for anything that is not exactly one. */
export function parseLink(text: string): DesktopLink | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the parser of URLs would drop them silently
  if (text.length > LONGEST || /[\u0000-\u0020\u007f\\]/.test(text)) return null
  const address = parseAddress(text)
  if (address?.protocol !== SCHEME || !text.toLowerCase().startsWith(`${SCHEME}//`)) return null
  if (address.username || address.password || address.port || address.hash) return null
  const link = Link.safeParse({
    type: address.hostname,
    name: decode(address.pathname.slice(1)),
    query: [...address.searchParams],
  })
  if (!link.success) return null
  const { type, name, query } = link.data
  return type === 'run' || type === 'pull' ? { type, image: query[0][1] } : { type, name }
}

function parseAddress(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
