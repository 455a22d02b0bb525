import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  type RunningApp,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'
import { dockerOn, hasDocker } from '../helpers/docker.ts'
import { createEtcd, type Etcd, hasEtcd, loopbackAddresses } from '../helpers/etcd.ts'

const why = whyNoWindow() || (hasDocker ? '' : 'there is no docker command')

const isRoot = process.getuid?.() === 0

describe.skipIf(why !== '')('networks in the window', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const docker = dockerOn(path.join(home.runtimeDir, 'docker.sock'))
  const ok = async (args: readonly string[]): Promise<string> => {
    const outcome = await docker(args)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    return outcome.stdout.trim()
  }
  const row = (name: string) => page().locator(`[data-testid=network-row][data-name="${name}"]`)
  const fill = (field: string, text: string) => page().getByTestId(`network-${field}`).fill(text)
  const member = (name: string) => page().locator(`[data-testid=network-member][data-name="${name}"]`)
  const violations = async (within = 'body') => {
    const found = await new AxeBuilder({ page: page() }).include(within).setLegacyMode().analyze()
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  }

  const hasStore = process.getuid?.() === 0 && hasEtcd
  let etcd: Etcd | undefined
  beforeAll(async () => {
    if (hasStore) {
      const addresses = await loopbackAddresses()
      etcd = createEtcd({ folder: path.join(home.base, 'etcd'), ...addresses })
      await etcd.start()
      mkdirSync(home.root)
      const settings = { store: [addresses.client], advertise: '127.0.0.1' }
      writeFileSync(path.join(home.root, 'cluster.json'), JSON.stringify(settings))
    }
    running = await launchApp(home)
    await makeStarter(page())
    await ok(['run', '-d', '--name', 'web', 'slipway/starter', 'sleep', '10000'])
    await page().getByTestId('nav-networks').click()
  }, 60_000)
  afterAll(async () => {
    // The keeper leaves the cluster while it ends.
    await leaveNothing(home, running, () => etcd?.stop())
  }, 60_000)

  test('a network that cannot be made says why at the field, and is made when that is put right', async () => {
    await page().getByTestId('network-create').click()
    await page().getByTestId('network-submit').click()
    await page().getByText('Give it a name.').waitFor()
    await fill('name', 'shop')
    await fill('subnet', '10.217.1.0/24')
    await fill('gateway', '10.218.0.1')
    await page().getByTestId('network-submit').click()
    await page().getByText('no matching subnet for 10.218.0.1').waitFor()
    expect(await page().getByTestId('network-gateway').getAttribute('aria-invalid')).toBe('true')
    await takePicture(page(), 'network-error')
    expect(await violations('[role=dialog]')).toEqual([])
    await fill('gateway', '10.217.1.9')
    await fill('ipRange', '10.217.1.128/25')
    await fill('auxiliary', 'router=10.217.1.130')
    await fill('labels', 'team=shop')
    await fill('mtu', '1400')
    await page().getByTestId('network-isInternal').check()
    await page().getByTestId('network-isOpenWithin').uncheck()
    await page().getByTestId('network-submit').click()
    await row('shop').waitFor()
    const { IPAM, Internal, Labels, Options } = JSON.parse(await ok(['network', 'inspect', 'shop']))[0]
    expect(IPAM.Config[0]).toMatchObject({
      Subnet: '10.217.1.0/24',
      Gateway: '10.217.1.9',
      IPRange: '10.217.1.128/25',
      AuxiliaryAddresses: { router: '10.217.1.130' },
    })
    expect({ Internal, Labels }).toEqual({ Internal: true, Labels: { team: 'shop' } })
    expect(Options).toMatchObject({
      'com.docker.network.driver.mtu': '1400',
      'com.docker.network.bridge.enable_icc': 'false',
    })
  })

  test('a network says how it meets the outside and where its ports are published, and each choice what it means', async () => {
    await page().getByTestId('network-create').click()
    await fill('name', 'quiet')
    await fill('hostBinding', '127.0.0.300')
    await page().getByText('A switch inside this machine.').waitFor()
    await page().getByTestId('network-gatewayMode').click()
    await page().getByRole('option', { name: 'Routes alone (routed)' }).click()
    await page().getByText('Clients’ own addresses are kept').waitFor()
    await page().getByTestId('network-enableIPv6').check()
    await page().getByTestId('network-submit').click()
    await page().locator('[data-testid=network-hostBinding][aria-invalid=true]').waitFor()
    await takePicture(page(), 'network-options')
    expect(await violations('[role=dialog]')).toEqual([])
    await fill('hostBinding', '127.0.0.1')
    await fill('hostBinding6', '::1')
    await page().getByTestId('network-submit').click()
    if (!isRoot) {
      // No route leads to where an ordinary user's bridges are.
      await page().getByText('use gateway mode nat').first().waitFor()
      await page().getByTestId('network-gatewayMode').click()
      await page().getByRole('option', { name: 'Address translation (nat)' }).click()
      await page().getByTestId('network-submit').click()
    }
    await row('quiet').waitFor()
    expect(JSON.parse(await ok(['network', 'inspect', '-f', '{{json .Options}}', 'quiet']))).toEqual({
      ...(isRoot ? { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' } : {}),
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.bridge.host_binding_ipv6': '::1',
    })
    await ok(['network', 'rm', 'quiet'])
    await row('quiet').waitFor({ state: 'detached' })
  })

  test('a container is connected with an address and a name, and disconnected again', async () => {
    await row('shop').click()
    await page().getByTestId('network-connect').click()
    await page().getByTestId('connect-container').click()
    await page().getByRole('option', { name: 'web' }).click()
    await page().getByTestId('connect-ipAddress').fill('10.99.0.1')
    await page().getByTestId('connect-aliases').fill('front, www')
    await page().getByTestId('connect-priority').fill('5')
    await page().getByTestId('connect-submit').click()
    await page().locator('[data-testid=connect-ipAddress][aria-invalid=true]').waitFor()
    await page().getByTestId('connect-ipAddress').fill('10.217.1.140')
    await page().getByTestId('connect-submit').click()
    await member('web').getByText('10.217.1.140/24').waitFor()
    await takePicture(page(), 'networks')
    const endpoint = JSON.parse(await ok(['inspect', '-f', '{{json .NetworkSettings.Networks.shop}}', 'web']))
    expect(endpoint).toMatchObject({ IPAddress: '10.217.1.140', GwPriority: 5 })
    expect(endpoint.Aliases).toEqual(expect.arrayContaining(['front', 'www']))
    expect(await ok(['exec', 'web', 'ip', 'addr'])).toContain('10.217.1.140/24')
    await member('web').getByTestId('network-disconnect').click()
    await member('web').waitFor({ state: 'detached' })
    expect(await ok(['exec', 'web', 'ip', 'addr'])).not.toContain('10.217.1.140')
  })

  test('menu, keyboard and row remove a network; one that is always there has no such action', async () => {
    await row('bridge').click({ button: 'right' })
    await page().locator('[data-testid=menu-remove][data-disabled]').waitFor()
    await page().keyboard.press('Escape')
    await row('shop').click({ button: 'right' })
    await page().getByTestId('menu-connect').waitFor()
    await page().getByTestId('menu-remove').click()
    await page().getByTestId('confirm').click()
    await row('shop').waitFor({ state: 'detached' })
    expect(await ok(['network', 'ls', '-q', '-f', 'name=shop'])).toBe('')
  })

  test('an overlay network is made where there is a cluster store, and where there is none the dialog says so', async () => {
    await page().getByTestId('network-create').click()
    await fill('name', 'wide')
    await page().getByTestId('network-driver').click()
    await page().getByRole('option', { name: 'overlay' }).click()
    const hint = page().getByTestId('network-cluster')
    await hint.waitFor()
    await takePicture(page(), 'network-overlay')
    expect(await violations('[role=dialog]')).toEqual([])
    if (!hasStore) {
      expect(await hint.textContent()).toMatch(process.getuid?.() === 0 ? /cluster\.json/ : /runs as root/)
      await page().getByRole('button', { name: 'Cancel' }).click()
      return
    }
    expect(await hint.textContent()).toContain('http://127.0.0.1:')
    await page().getByTestId('network-submit').click()
    await row('wide').click()
    await page().getByTestId('network-pane').getByText('all hosts of the cluster').waitFor()
    await takePicture(page(), 'network-overlay-pane')
    expect(await ok(['network', 'inspect', '-f', '{{.Scope}} {{.Driver}}', 'wide'])).toBe('global overlay')
    await row('wide').getByTestId('row-remove').click()
    await page().getByTestId('confirm').click()
    await row('wide').waitFor({ state: 'detached' })
  })

  test('a network in use is not removed, and the reason is said', async () => {
    await ok(['network', 'create', 'busy'])
    await ok(['network', 'connect', 'busy', 'web'])
    await row('busy').getByText('web').waitFor()
    await row('busy').getByTestId('row-remove').click()
    await page().getByText('It cannot be removed while one of them runs.').waitFor()
    await page().getByTestId('confirm').click()
    await page().getByText('has active endpoints').waitFor()
    await page().getByRole('button', { name: 'Cancel' }).click()
  })

  test('removing what is unused names it first and leaves the rest', async () => {
    await ok(['network', 'create', 'lonely'])
    await row('lonely').waitFor()
    await page().getByTestId('network-prune').click()
    await page().getByText('lonely: their addresses').waitFor()
    await page().getByTestId('confirm').click()
    await row('lonely').waitFor({ state: 'detached' })
    expect(await row('busy').count()).toBe(1)
  })

  test('no rule of accessibility is broken, in either theme', async () => {
    for (const theme of ['Dark', 'Light']) {
      await page().getByTestId('nav-settings').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await page().getByTestId('nav-networks').click()
      if ((await page().getByTestId('network-pane').count()) === 0) await row('busy').click()
      await member('web').waitFor()
      // What the pointer and earlier steps had opened goes in its own time.
      await page().mouse.move(0, 0)
      await page().locator('[data-portal] > *').first().waitFor({ state: 'hidden' })
      expect(await violations()).toEqual([])
      await takePicture(page(), `networks-${theme.toLowerCase()}`)
    }
  })
})
