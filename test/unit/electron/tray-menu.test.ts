import { expect, test } from 'vitest'
import { trayMenu } from '../../../electron/tray-menu.ts'

const container = (name: string, status: string, startedAt: string) =>
  ({ id: `${name}-id`, name, status, startedAt, createdAt: '2026-01-01' }) as never
const texts = { t: (key: string, more?: { count?: number }) => `${key}${more?.count ?? ''}` } as never

test('the tray has what runs, the five newest containers with their verbs, and the way out', () => {
  const done: string[] = []
  const note = (what: string) => (of?: string) => void done.push(of ? `${what} ${of}` : what)
  const actions = {
    open: note('open'),
    openContainer: note('show'),
    start: note('start'),
    stop: note('stop'),
    quit: note('quit'),
  }
  const containers = [
    container('oldest', 'exited', '2026-02-01'),
    ...['a', 'b', 'c'].map((name, index) => container(name, 'exited', `2026-03-0${index + 1}`)),
    container('web', 'running', '2026-04-02'),
    container('fresh', 'created', ''),
    container('held', 'paused', '2026-04-01'),
  ]
  const menu = trayMenu({ containers, running: 2 } as never, texts, actions)
  expect(menu.map(({ label, type }) => label ?? type)).toEqual([
    ...['tray.running2', 'tray.open', 'separator', 'web · status.running', 'held · status.paused'],
    ...['c · status.exited', 'b · status.exited', 'a · status.exited', 'separator', 'menu.quit'],
  ])
  expect(menu[0]).toMatchObject({ enabled: false })
  const inside = menu.map(({ submenu }) => (Array.isArray(submenu) ? submenu : []))
  expect(inside[3]?.map(({ label }) => label)).toEqual(['verb.stop', 'tray.show'])
  expect(inside[5]?.map(({ label }) => label)).toEqual(['verb.start', 'tray.show'])
  const click = (item: object | undefined) => (item as { click(): void }).click()
  for (const item of [menu[1], inside[3]?.[0], inside[3]?.[1], inside[5]?.[0], menu.at(-1)]) click(item)
  expect(done).toEqual(['open', 'stop web-id', 'show web', 'start c-id', 'quit'])
})

test('the tray of an engine without containers has no gap for them', () => {
  const actions = { open() {}, openContainer() {}, start() {}, stop() {}, quit() {} }
  const menu = trayMenu({ containers: [], running: 0 } as never, texts, actions)
  expect(menu.map(({ label, type }) => label ?? type)).toEqual(['tray.running0', 'tray.open', 'separator', 'menu.quit'])
})
