import { randomBytes } from 'node:crypto'

/** `02:42:ac:11:00:02`. */
export const formatMac = (bytes: Buffer): string => (bytes.toString('hex').match(/../g) ?? []).join(':')

/** A MAC address of our own making: locally administered, in the range that Docker takes. */
export const randomMac = (): string => formatMac(Buffer.concat([Buffer.from([0x02, 0x42]), randomBytes(4)]))
