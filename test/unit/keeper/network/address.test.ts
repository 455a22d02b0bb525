import { describe, expect, it } from 'vitest'
import { decodeAddress, encodeAddress } from '../../../../engine/keeper/libc/address.ts'

describe('a socket address', () => {
  it('keeps host and port through the kernel’s form, for both families', () => {
    for (const [host, port] of [
      ['127.0.0.1', 53],
      ['2001:db8::1', 65_535],
    ] as const)
      expect(decodeAddress(encodeAddress(host, port))).toEqual({ host, port })
  })

  it('has the size of its family', () => {
    expect(encodeAddress('0.0.0.0', 1)).toHaveLength(16)
    expect(encodeAddress('::', 1)).toHaveLength(28)
  })

  it('is refused for what is no address', () => {
    expect(() => encodeAddress('localhost', 1)).toThrow()
  })
})
