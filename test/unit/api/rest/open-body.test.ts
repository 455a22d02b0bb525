import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { readOpenBody } from '../../../../engine/api/rest/open-body.ts'

async function read(...chunks: string[]) {
  const body = new PassThrough()
  const options = readOpenBody(body)
  for (const chunk of chunks) {
    body.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const found = await options
  body.end()
  return { found, rest: (await buffer(body)).toString() }
}

test('options are read while the body stays open, and what is typed after them is kept', async () => {
  expect(await read('{"Tty":false,"a":{"b":"}é\\""}}typed {é}')).toEqual({
    found: { Tty: false, a: { b: '}é"' } },
    rest: 'typed {é}',
  })
  expect(await read('{"Tty"', ':true}')).toEqual({ found: { Tty: true }, rest: '' })
})

test('a body without options is input from its first byte', async () => {
  expect(await read('typed')).toEqual({ found: {}, rest: 'typed' })
})

test('options that are no JSON are refused', async () => {
  await expect(read('{nonsense}')).rejects.toMatchObject({ reason: 'body.invalid' })
})

test('a body that ends at once has no options', async () => {
  const body = new PassThrough()
  body.end()
  expect(await readOpenBody(body)).toEqual({})
})
