import { desktop } from './en/desktop.ts'
import { images } from './en/images.ts'
import { networks } from './en/networks.ts'
import { words } from './en/words.ts'

/** Every text of the window. Other languages have the same shape. */
export const en = { ...words, ...networks, ...images, ...desktop }
