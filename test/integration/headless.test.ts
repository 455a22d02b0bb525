import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import type { DoctorReport } from '../../engine/contract/doctor.ts'
import { routesOf } from '../../engine/network/ipam.ts'
import { waitUntil } from '../helpers/engine.ts'

it('the built engine says in one line that it serves, and a shutdown takes its keeper along', async () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slh-'))
  const entry = path.resolve('out/main/engine.js')
  const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run')]
  const engine = spawn(process.execPath, [entry, ...folders], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(engine.stdout, 'data')) as [Buffer]
  expect(JSON.parse(line.toString())).toMatchObject({ ready: true, root: path.join(base, 'root') })
  const exited = once(engine, 'exit')
  engine.kill('SIGTERM')
  expect((await exited)[0]).toBe(0)
  execFileSync(process.execPath, [entry, ...folders, '--shutdown'])
  await waitUntil(() => processesOf(base).length === 0, 'the end of every process of this root')
  rmSync(base, { recursive: true, force: true })
})

it('the built engine checks the machine without starting, and changes nothing', () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slh-'))
  const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run')]
  const entry = path.resolve('out/main/engine.js')
  const check = (env: NodeJS.ProcessEnv) => {
    const { status, stdout } = spawnSync(process.execPath, [entry, ...folders, '--doctor'], { env })
    return { status, report: JSON.parse(stdout.toString()) as DoctorReport }
  }
  const { status, report } = check(process.env)
  expect(report.checks.filter(({ state }) => state === 'problem')).toEqual([])
  expect(status).toBe(0)
  expect(report.mode).toBe(process.getuid?.() === 0 ? 'rootful' : 'rootless')
  // The tools are looked for where they usually are, too: only the version is asked of what PATH finds first.
  const fakes = path.join(base, 'bin')
  mkdirSync(fakes)
  writeFileSync(path.join(fakes, 'runc'), '#!/bin/sh\necho runc version 0.0-test\n', { mode: 0o755 })
  const other = check({ ...process.env, PATH: `${fakes}:${process.env['PATH']}` }).report
  expect(other.checks.find(({ id }) => id === 'runtime')?.found).toBe('runc version 0.0-test')
  rmSync(fakes, { recursive: true })
  expect(readdirSync(base)).toEqual([])
  rmSync(base, { recursive: true })
})

it('the check tells of another engine where clients look, and of networks that the host has routes into', async () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slh-'))
  const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run')]
  const other = http.createServer((_, response) => response.writeHead(200, { server: 'Docker/28.5.2 (linux)' }).end())
  await new Promise<void>((resolve) => other.listen(path.join(base, 'docker.sock'), resolve))
  // A network made before this machine got the routes that it has.
  const subnet = routesOf(readFileSync('/proc/net/route', 'utf8'))[0]?.subnet
  mkdirSync(path.join(base, 'root/networks'), { recursive: true })
  const web = { version: 1, id: 'a'.repeat(64), name: 'web', driver: 'bridge', interface: 'br-web', createdAt: '' }
  const ipv4 = { subnet, gateway: '', lastAddress: '', ipRange: '', auxiliary: [], auxiliaryNames: {} }
  if (subnet) {
    const record = { ...web, ipv4, ipv6: null, isInternal: false, options: {}, labels: {} }
    writeFileSync(path.join(base, 'root/networks/web.json'), JSON.stringify(record))
  }
  const env = { ...process.env, XDG_RUNTIME_DIR: base }
  const child = spawn(process.execPath, [path.resolve('out/main/engine.js'), ...folders, '--doctor'], { env })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  await once(child, 'close')
  other.close()
  const { checks } = JSON.parse(Buffer.concat(said).toString()) as DoctorReport
  expect(checks.find(({ id }) => id === 'socket')).toMatchObject({ state: 'passed' })
  expect(checks.find(({ id }) => id === 'clientSocket')).toMatchObject({
    state: 'note',
    found: `${path.join(base, 'docker.sock')} (Docker/28.5.2 (linux))`,
    command: expect.stringContaining('systemctl --user disable'),
    cause: expect.stringContaining('Another engine'),
  })
  const conflict = subnet
    ? { state: 'note', command: expect.stringMatching(/^docker --context slipway-[0-9a-f]+ network rm web$/) }
    : { state: 'passed' }
  expect(checks.find(({ id }) => id === 'networks')).toMatchObject(conflict)
  rmSync(base, { recursive: true })
})

/** Processes whose command names a folder. */
const processesOf = (folder: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
    } catch {
      return false
    }
  })
