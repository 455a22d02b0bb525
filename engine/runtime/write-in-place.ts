import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/**
 * Gives a file new text without replacing it, for containers hold it by a bind mount. A reader never finds it empty:
 * the new bytes are laid over the old ones, and only then is it cut to length. The same text writes nothing.
 */
export async function writeInPlace(file: string, text: string): Promise<void> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o644)
  try {
    if ((await handle.readFile('utf8')) === text) return
    const bytes = Buffer.from(text)
    await handle.write(bytes, 0, bytes.length, 0)
    await handle.truncate(bytes.length)
  } finally {
    await handle.close()
  }
}
