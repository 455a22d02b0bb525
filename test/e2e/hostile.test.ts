import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desktop } from '../../engine/contract/desktop.ts'
import { contract } from '../../engine/contract/index.ts'
import { launchApp, makeHome, quitApp, type RunningApp, shutDown, whyNoWindow } from '../helpers/app.ts'

interface Answer {
  readonly ok: boolean
  readonly value?: unknown
  readonly error?: { readonly code: string; readonly reason: string; readonly message: string }
}
interface HostileWindow {
  readonly slipway: {
    invoke(path: unknown, input?: unknown): Promise<Answer>
    open(path: unknown, input: unknown, nonce: unknown): void
  }
}

/**
 * Values that nobody with good intent sends, as JSON that the page itself reads: in a literal, and on the way to the
 * page, `__proto__` would be no key.
 */
const HOSTILE: readonly string[] = [
  'null',
  '42',
  '"text"',
  '[]',
  '{"id": {"$ne": ""}}',
  JSON.stringify({
    ...{ id: '../../../../etc/passwd', path: '../../etc/passwd', name: '../x', reference: '../x', host: '../x' },
    ...{ container: '../x', interface: '../x', ids: ['../x'], language: '../x' },
  }),
  JSON.stringify({ id: 'x'.repeat(1_000_000), path: 'relative', name: 'a\nb', reference: '\u0000', ids: ['\u0000'] }),
  `{"__proto__": {"isAdmin": true}, "constructor": {"prototype": {"id": "x"}}, "id": 7, "path": 7, "name": {},
    "reference": [], "ids": {"__proto__": []}, "container": {"__proto__": "x"}}`,
]
/** Paths of all procedures that are streams, or of all that are not. */
const pathsOf = (isStream: boolean) =>
  Object.entries({ ...contract, desktop }).flatMap(([noun, procedures]) =>
    Object.entries(procedures as Record<string, { kind: string }>)
      .filter(([, { kind }]) => (kind === 'stream') === isStream)
      .map(([verb]) => `${noun}.${verb}`),
  )

/** The window's own page, and ways out of its folder. */
const OUTSIDE = [
  '/index.html',
  '/../main/main.js',
  '/%2e%2e/main/main.js',
  '/..%2fmain%2fmain.js',
  '/%2e%2e%2f%2e%2e%2fpackage.json',
  '/%252e%252e/main/main.js',
  `/${'%252e%252e/'.repeat(12)}etc/passwd`,
  '/%25252e%25252e/main/main.js',
  '/assets/..%5c..%5cmain%5cmain.js',
  '/index.html%00.js',
  '//etc/passwd',
]

/** A renderer that an attacker has taken over: it has the preload's two functions and nothing else. */
describe.skipIf(whyNoWindow() !== '')('a hostile renderer', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const invoke = (path: unknown, input?: unknown): Promise<Answer> =>
    page().evaluate(([target, value]) => (window as unknown as HostileWindow).slipway.invoke(target, value), [
      path,
      input,
    ] as const)
  const invokeJson = (path: string, input: string): Promise<Answer> =>
    page().evaluate(
      ([target, value]) => (window as unknown as HostileWindow).slipway.invoke(target, JSON.parse(value)),
      [path, input] as const,
    )

  beforeAll(async () => {
    running = await launchApp(home)
  })
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  })

  test('has no Node, no require and no other way out', async () => {
    const found = await page().evaluate(() => {
      const names = ['require', 'process', 'module', 'Buffer', 'global', '__dirname', 'electron', 'ipcRenderer']
      return names.filter((name) => name in window)
    })
    expect(found).toEqual([])
    expect(await page().evaluate(() => Object.keys((window as unknown as HostileWindow).slipway).sort())).toEqual([
      'invoke',
      'open',
      'pathForFile',
    ])
  })

  test('cannot run text as code, load from elsewhere, open windows or leave the page', async () => {
    const outcome = await page().evaluate(async () => {
      const attempt = (work: () => unknown) => {
        try {
          return String(work())
        } catch (error) {
          return (error as Error).name
        }
      }
      const script = document.createElement('script')
      script.src = 'https://example.invalid/x.js'
      const loaded = await new Promise<string>((resolve) => {
        script.onload = () => resolve('loaded')
        script.onerror = () => resolve('refused')
        document.head.append(script)
      })
      const fetched = await fetch('https://example.invalid/').then(
        () => 'fetched',
        () => 'refused',
      )
      const local = await fetch('file:///etc/passwd').then(
        () => 'fetched',
        () => 'refused',
      )
      location.href = 'https://example.invalid/'
      return {
        // biome-ignore lint/security/noGlobalEval: that is what is tried
        evaluated: attempt(() => window.eval('1 + 1')),
        opened: attempt(() => window.open('https://example.invalid/')),
        loaded,
        fetched,
        local,
      }
    })
    expect(outcome).toEqual({
      evaluated: 'EvalError',
      opened: 'null',
      loaded: 'refused',
      fetched: 'refused',
      local: 'refused',
    })
    expect(page().url()).toMatch(/^slipway-app:\/\/window\//)
  })

  test('reads no file beside the window’s own, by whatever path', async () => {
    const texts = await page().evaluate((paths) => {
      const read = (address: string) =>
        new Promise<string>((resolve) => {
          const request = new XMLHttpRequest()
          request.onload = () => resolve(`${request.status} ${request.responseText.slice(0, 20)}`)
          request.onerror = () => resolve('refused')
          request.open('GET', address)
          request.send()
        })
      return Promise.all(paths.map((path) => read(`slipway-app://window${path}`)))
    }, OUTSIDE)
    // Its own page is read this way: a refusal of the others proves something.
    expect(texts[0]).toMatch(/^200 <!doctype html>/i)
    expect(texts.slice(1).filter((text) => text !== '404 ' && text !== 'refused')).toEqual([])
  })

  test('frames nothing, not even its own files', async () => {
    const text = await page().evaluate(
      () =>
        new Promise<string>((resolve) => {
          const frame = document.createElement('iframe')
          frame.onload = () => resolve(frame.contentDocument?.body?.innerText ?? 'hidden')
          frame.onerror = () => resolve('refused')
          frame.src = 'slipway-app://window/index.html'
          document.body.append(frame)
          setTimeout(() => resolve('nothing'), 2000)
        }),
    )
    expect(['', 'hidden', 'refused', 'nothing']).toContain(text)
    expect(await page().evaluate(() => document.querySelector('iframe')?.contentDocument?.scripts.length ?? 0)).toBe(0)
    await page().evaluate(() => document.querySelector('iframe')?.remove())
  })

  test('is given no permission', async () => {
    const states = await page().evaluate(async () => {
      const camera = await navigator.mediaDevices.getUserMedia({ video: true }).then(
        () => 'granted',
        () => 'refused',
      )
      return [camera, await Notification.requestPermission()]
    })
    expect(states).toEqual(['refused', 'denied'])
  })

  test('is told of no permission that it has, but to write text to the clipboard', async () => {
    const found = await page().evaluate(async () => {
      const names = [
        ...['accelerometer', 'background-sync', 'camera', 'clipboard-read', 'clipboard-write', 'geolocation'],
        ...['gyroscope', 'idle-detection', 'local-fonts', 'microphone', 'midi', 'notifications', 'screen-wake-lock'],
        ...['storage-access', 'window-management'],
      ]
      const granted: string[] = []
      for (const name of names) {
        const state = await navigator.permissions.query({ name: name as PermissionName }).then(
          (status) => status.state,
          () => 'refused',
        )
        if (state === 'granted') granted.push(name)
      }
      return { granted, notifications: Notification.permission }
    })
    expect(found).toEqual({ granted: ['clipboard-write'], notifications: 'denied' })
  })

  test('is given no device', async () => {
    const devices = await page().evaluate(async () => {
      const { hid, usb, serial } = navigator as unknown as Record<string, { getDevices?(): Promise<unknown[]> }> & {
        serial?: { getPorts(): Promise<unknown[]> }
      }
      return [await hid?.getDevices?.(), await usb?.getDevices?.(), await serial?.getPorts()]
    })
    expect(devices.flatMap((list) => list ?? [])).toEqual([])
  })

  test('gets a typed refusal for every call with hostile input, and changes nothing', async () => {
    // These take no input, or hostile input is the same as none.
    const harmless = new Set(['image.createStarter', 'network.prune', 'volume.create'])
    const wrong: string[] = []
    for (const path of pathsOf(false).filter((one) => !harmless.has(one))) {
      for (const input of HOSTILE) {
        const answer = await invokeJson(path, input)
        if (!answer.ok && answer.error?.code === 'internal')
          wrong.push(`${path} ${input.slice(0, 80)}: ${answer.error.message}`)
      }
    }
    expect(wrong).toEqual([])
    expect(await invoke('container.list', {})).toEqual({ ok: true, value: [] })
    expect(await invoke('image.list', {})).toEqual({ ok: true, value: [] })
    expect(await page().evaluate(() => ({}) as { isAdmin?: boolean })).toEqual({})
  }, 60_000)

  test('finds nothing behind names that are not declared', async () => {
    for (const path of [
      '__proto__.x',
      'constructor.name',
      'container.__proto__',
      'container.constructor',
      'desktop.x',
      '',
      7,
      null,
    ]) {
      const answer = await invoke(path, {})
      expect({ path, ok: answer.ok }).toEqual({ path, ok: false })
    }
  })

  test('changes nothing of the desktop but what is declared, reads no file and opens no address that is none', async () => {
    const before = await invoke('desktop.state', {})
    for (const [path, input] of [
      ['desktop.changeSettings', { quitting: 'explode' }],
      ['desktop.changeSettings', { updates: { url: 'http://example.com/', isDaily: true } }],
      ['desktop.changeSettings', { theme: 'dark', more: 1 }],
      ['desktop.report', { file: '../../../../etc/passwd' }],
      ['desktop.openFolder', { folder: '/etc' }],
      ['desktop.openExternal', { url: 'file:///etc/passwd' }],
      ['desktop.openExternal', { url: 'slipway://run?image=x' }],
      ['desktop.pickArchive', { more: 1 }],
      ['desktop.requests', { language: 'en' }],
    ] as const)
      expect({ path, ok: (await invoke(path, input)).ok }).toEqual({ path, ok: false })
    expect(await invoke('desktop.installUpdate', {})).toMatchObject({ ok: true })
    expect(await invoke('desktop.answerQuit', { answer: 'stop', isRemembered: true })).toMatchObject({ ok: true })
    expect(await invoke('desktop.state', {})).toEqual(before)
  })

  test('gets a typed refusal for every stream with hostile input or frames, and changes nothing', async () => {
    const wrong = await page().evaluate(
      async ([paths, inputs]) => {
        const { slipway } = window as unknown as HostileWindow
        const found: string[] = []
        const tryOne = (path: string, input: string, frame: unknown) =>
          new Promise<void>((resolve) => {
            const nonce = crypto.randomUUID()
            const onPort = ({ data, ports: [port] }: MessageEvent) => {
              if (data?.slipwayPort !== nonce || !port) return
              removeEventListener('message', onPort)
              const end = () => {
                port.close()
                resolve()
              }
              // What takes no input, or has a default for it, begins: only the frame is hostile then.
              const timer = setTimeout(() => {
                found.push(`${path} ${input.slice(0, 80)}: goes on after a frame that it does not take`)
                end()
              }, 5000)
              port.onmessage = ({ data: answer }) => {
                if (answer.t === 'data') return
                clearTimeout(timer)
                if (answer.t === 'error' && answer.e.code === 'internal')
                  found.push(`${path} ${input.slice(0, 80)}: ${answer.e.message}`)
                end()
              }
              port.postMessage({ t: 'ack', n: Number.NaN })
              port.postMessage({ t: 'data', v: frame })
            }
            addEventListener('message', onPort)
            slipway.open(path, JSON.parse(input), nonce)
          })
        for (const path of paths)
          for (const input of inputs)
            for (const frame of [{ type: 'data', data: 'text' }, JSON.parse('{"__proto__": {"type": "eof"}}')])
              await tryOne(path, input, frame)
        return found
      },
      [pathsOf(true), HOSTILE] as const,
    )
    expect(wrong).toEqual([])
    expect(await invoke('container.list', {})).toEqual({ ok: true, value: [] })
    expect(await invoke('image.list', {})).toEqual({ ok: true, value: [] })
  }, 60_000)

  test('has no more than 256 streams open, is told so of each one more, and gets new ones once some are closed', async () => {
    const found = await page().evaluate(async () => {
      const { slipway } = window as unknown as HostileWindow
      const open = (nonce: string) =>
        new Promise<MessagePort>((resolve) => {
          const onPort = ({ data, ports: [port] }: MessageEvent) => {
            if (data?.slipwayPort !== nonce || !port) return
            removeEventListener('message', onPort)
            resolve(port)
          }
          addEventListener('message', onPort)
          slipway.open('system.events', {}, nonce)
        })
      const ports: MessagePort[] = []
      const refusals: string[] = []
      for (let index = 0; index < 2000; index += 50) {
        const some = await Promise.all(Array.from({ length: 50 }, () => open(crypto.randomUUID())))
        for (const port of some) {
          port.onmessage = ({ data }) => data.t === 'error' && refusals.push(data.e.reason)
          ports.push(port)
        }
      }
      await slipway.invoke('container.list', {})
      const refused = refusals.length
      for (const port of ports) port.close()
      await slipway.invoke('container.list', {})
      await new Promise((resolve) => setTimeout(resolve, 500))
      const again = await open(crypto.randomUUID())
      again.onmessage = ({ data }) => data.t === 'error' && refusals.push(data.e.reason)
      await new Promise((resolve) => setTimeout(resolve, 200))
      again.close()
      return { refused, later: refusals.length - refused, reasons: [...new Set(refusals)] }
    })
    expect(found).toMatchObject({ later: 0, reasons: ['ipc.too-many-streams'] })
    // The window's own streams are among the 256.
    expect(found.refused).toBeGreaterThanOrEqual(2000 - 256)
    expect(found.refused).toBeLessThan(2000 - 240)
    expect(await invoke('system.info', {})).toMatchObject({ ok: true })
  }, 60_000)

  test('cannot drown the engine in calls, nor in streams that are none', async () => {
    const answered = await page().evaluate(async () => {
      const { slipway } = window as unknown as HostileWindow
      for (let index = 0; index < 2000; index += 1) slipway.open('system.events', {}, 'x'.repeat(100_000))
      for (let index = 0; index < 200; index += 1)
        slipway.open('nosuch.stream', { deep: 'x'.repeat(1000) }, `n${index}`)
      const answers = await Promise.all(Array.from({ length: 3000 }, () => slipway.invoke('container.list', {})))
      return answers.filter(({ ok }) => ok).length
    })
    expect(answered).toBe(3000)
    expect(await invoke('system.info', {})).toMatchObject({ ok: true })
  }, 60_000)
})
