import path from 'node:path'

/** Its own scripts, styles and pictures alone; nothing is framed, sent by a form or loaded from elsewhere. */
export const CONTENT_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "object-src 'none'",
  "frame-src 'none'",
  "frame-ancestors 'none'",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ')

/** The file of the window's own folder that an address names; `null` for anything else. */
export function windowFileOf(address: string, folder: string): string | null {
  try {
    const { host, pathname } = new URL(address)
    // Decoded once: what is left encoded is a name.
    const file = path.resolve(path.join(folder, decodeURIComponent(pathname)))
    return host === 'window' && file.startsWith(folder + path.sep) && !file.includes('\0') ? file : null
  } catch {
    return null
  }
}
