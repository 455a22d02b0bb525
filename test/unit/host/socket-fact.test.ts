import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readSocket } from '../../../engine/host/socket-fact.ts'

describe('the path of a socket', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-sock-'))
  const file = (name: string) => path.join(folder, name)
  const servers: http.Server[] = []
  const listen = (name: string, serverName: string) => {
    const server = http.createServer((_, response) => response.writeHead(200, { server: serverName }).end('OK'))
    servers.push(server)
    return new Promise<void>((resolve) => server.listen(file(name), resolve))
  }
  afterAll(() => {
    for (const server of servers) server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is free when nothing is there, though its folder is not made yet', async () => {
    expect(await readSocket(file('none.sock'))).toEqual({ path: file('none.sock'), state: 'free', by: '' })
    expect(await readSocket(file('later/on/none.sock'))).toMatchObject({ state: 'free' })
  })

  it('is ours or another’s by who answers', async () => {
    await Promise.all([listen('own.sock', 'Slipway'), listen('dockerd.sock', 'Docker/28.5.2 (linux)')])
    expect(await readSocket(file('own.sock'))).toMatchObject({ state: 'own', by: '' })
    expect(await readSocket(file('dockerd.sock'))).toMatchObject({ state: 'taken', by: 'Docker/28.5.2 (linux)' })
  })

  it('is no socket when a file or folder lies there, and names its owner', async () => {
    writeFileSync(file('file.sock'), '')
    const by = `uid ${process.getuid?.()}`
    expect(await readSocket(file('file.sock'))).toMatchObject({ state: 'no-socket', by })
    expect(await readSocket(folder)).toMatchObject({ state: 'no-socket', by })
  })

  it('holds no more bytes than the kernel takes', async () => {
    const longest = file('x'.repeat(107 - folder.length - 1))
    expect(await readSocket(longest)).toMatchObject({ state: 'free' })
    await listen('x'.repeat(107 - folder.length - 1), 'Slipway')
    expect(await readSocket(longest)).toMatchObject({ state: 'own' })
    expect(await readSocket(`${longest}x`)).toMatchObject({ state: 'too-long', by: '108 > 107 bytes' })
  })
})
