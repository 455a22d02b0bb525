import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitUntil } from '../../helpers/engine.ts'
import { askApi, runWebServer } from '../../helpers/survival/api.ts'
import { processesOf } from '../../helpers/survival/traces.ts'

const reason = process.getuid?.() === 0 ? '' : 'only root mounts folders'

const MOUNT_DESCRIPTOR = 1023

/** An AppImage is a mount that goes when the app does. */
describe.skipIf(reason !== '')(`an engine that runs from a mounted image${reason && ` (${reason})`}`, () => {
  let base: string
  let mount: string
  let runtimeDir: string
  let folders: readonly string[]
  let socket: string
  let running: ChildProcess | undefined
  const keepers = () => readdirSync(path.join(base, 'root/keeper'))
  const start = async () => {
    for (const part of ['out', 'node_modules/koffi', `node_modules/@koromix/koffi-linux-${process.arch}`])
      cpSync(part, path.join(base, 'image', part), { recursive: true })
    cpSync(process.execPath, path.join(base, 'image/slipway'))
    mkdirSync(mount, { recursive: true })
    execFileSync('mount', ['--bind', path.join(base, 'image'), mount])
    // The runtime of an AppImage leaves the folder open to whoever it starts, under a number that Node does not look at.
    const held = openSync(mount, 'r')
    const others = Array.from({ length: MOUNT_DESCRIPTOR - 3 }, () => 'ignore' as const)
    const app = spawn(path.join(mount, 'slipway'), [path.join(mount, 'out/main/engine.js'), ...folders], {
      stdio: ['ignore', 'pipe', 'inherit', ...others, held],
      env: { ...process.env, APPDIR: mount, APPIMAGE: path.join(base, 'Slipway.AppImage'), XDG_RUNTIME_DIR: base },
    })
    running = app
    closeSync(held)
    await once(app.stdout as NodeJS.ReadableStream, 'data')
    return async () => {
      app.kill('SIGTERM')
      await once(app, 'exit')
      // Not lazily: nothing may hold it any more.
      execFileSync('umount', [mount])
    }
  }
  let port = 0

  beforeAll(() => {
    base = mkdtempSync(path.join(os.tmpdir(), 'slm-'))
    mount = path.join(base, 'mount')
    runtimeDir = path.join(base, 'run')
    folders = ['--root', path.join(base, 'root'), '--runtime-dir', runtimeDir]
    socket = path.join(runtimeDir, 'docker.sock')
  })
  // Whatever fails, the mount goes before the folder that it lies in: what is mounted there is removed along otherwise.
  afterAll(async () => {
    try {
      await endRunning()
    } finally {
      try {
        const entry = path.resolve('out/main/engine.js')
        execFileSync(process.execPath, [entry, ...folders, '--shutdown'], {
          env: { ...process.env, XDG_RUNTIME_DIR: base },
          timeout: 30_000,
        })
        await waitUntil(() => processesOf(base).length === 0, 'the end of every process')
      } finally {
        rmSync(base, { recursive: true, force: true })
      }
    }
  })
  /** Lazily, and again for each time that it was mounted. */
  const unmount = () => {
    while (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mount} `)) execFileSync('umount', ['-l', mount])
  }
  const endRunning = async () => {
    try {
      if (running && running.exitCode === null && running.signalCode === null) {
        const gone = once(running, 'exit')
        running.kill('SIGKILL')
        await gone
      }
    } finally {
      unmount()
    }
  }

  it('leaves containers and ports when the image is unmounted', async () => {
    const close = await start()
    port = await runWebServer(socket)
    await close()
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('up\n')
    const keeper = readFileSync(path.join(runtimeDir, 'keeper.pid'), 'utf8')
    expect(readFileSync(`/proc/${keeper}/environ`, 'utf8')).not.toContain(mount)
    expect(readFileSync(`/proc/${keeper}/maps`, 'utf8')).not.toContain(mount)
  }, 120_000)

  it('works on with the copy of an older image, and removes it once nobody runs from it', async () => {
    const before = keepers()
    expect(before).toContainEqual(expect.stringMatching(/^program-/))
    execFileSync('touch', [path.join(base, 'image/slipway')])
    let close = await start()
    // The keeper does its work, workers included, with the program that it was started from.
    expect((await askApi(socket, 'POST', '/commit?container=web&repo=test/made')).status).toBe(201)
    expect((await askApi(socket, 'GET', '/containers/web/archive?path=/bin')).status).toBe(200)
    expect(keepers()).toEqual(before)
    process.kill(Number(readFileSync(path.join(runtimeDir, 'keeper.pid'), 'utf8')), 'SIGKILL')
    await waitUntil(async () => (await askApi(socket, 'GET', '/info')).status === 200, 'a new keeper')
    await close()
    close = await start()
    await close()
    expect(keepers().filter((name) => before.includes(name) && name.startsWith('program-'))).toEqual([])
    expect(keepers()).toContainEqual(expect.stringMatching(/^program-/))
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('up\n')
  }, 120_000)
})
