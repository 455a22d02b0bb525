import { randomBytes } from 'node:crypto'

/** A MAC address of our own making: locally administered, in the range that Docker takes. */
export const randomMac = (): string => ['02', '42', ...(randomBytes(4).toString('hex').match(/../g) ?? [])].join(':')
