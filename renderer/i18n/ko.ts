import type { en } from './en.ts'
import { desktop } from './ko/desktop.ts'
import { images } from './ko/images.ts'
import { networks } from './ko/networks.ts'
import { words } from './ko/words.ts'
import type { Translation } from './translation.ts'

/** 한국어. Korean has one plural form. */
export const ko: Translation<typeof en> = { ...words, ...networks, ...images, ...desktop }
