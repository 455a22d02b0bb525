import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { writeStarterArchive } from '../../../engine/image/starter.ts'
import { isStaticProgram } from '../../../engine/lib/elf.ts'

describe('a program that needs nothing else', () => {
  it('is the busybox of the tests, and neither Node nor a text', () => {
    expect(isStaticProgram(readFileSync('/bin/busybox').subarray(0, 4096))).toBe(true)
    expect(isStaticProgram(readFileSync(process.execPath).subarray(0, 4096))).toBe(false)
    expect(isStaticProgram(Buffer.from('#!/bin/sh\n'))).toBe(false)
    expect(isStaticProgram(Buffer.alloc(0))).toBe(false)
  })

  it('is no file that is cut off before its headers end', () => {
    expect(isStaticProgram(readFileSync('/bin/busybox').subarray(0, 70))).toBe(false)
  })
})

it('the starter image is not made of a busybox that needs libraries, and the package that helps is named', async () => {
  const options = { destination: '/nowhere', architecture: 'amd64', now: new Date(0) }
  await expect(writeStarterArchive({ ...options, busyboxPath: process.execPath })).rejects.toThrow(/busybox-static/)
})
