import { expect, it } from 'vitest'
import { limitBody } from '../../../engine/service/image/import-url.ts'

const CHUNK = new Uint8Array(10)
async function* endless() {
  for (;;) yield CHUNK
}

it('a server that never comes to an end, or says that it has more than there is room for, does not fill the disk', async () => {
  const seen: number[] = []
  const pass = async (totalBytes: number) => {
    const options = { url: 'http://far/x', totalBytes, limitBytes: 35, onBytes: (bytes: number) => seen.push(bytes) }
    let bytes = 0
    for await (const chunk of limitBody(endless(), options)) bytes += chunk.length
    return bytes
  }
  await expect(pass(0)).rejects.toThrow('http://far/x is larger than 35 bytes')
  expect(seen).toEqual([0, 10, 20, 30])
  seen.length = 0
  await expect(pass(36)).rejects.toThrow('larger than 35 bytes')
  expect(seen).toEqual([])
})
