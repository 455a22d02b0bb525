import os from 'node:os'
import { EngineError } from '../../contract/errors.ts'
import type { NetworkSettings, NetworkSettingsChange } from '../../contract/network.ts'
import type { SettingsFile } from '../../store/settings-file.ts'
import type { ServiceContext } from '../context.ts'
import { settleDefaultBridge } from './default-bridge.ts'

/** Settings of all networks, read once and kept at hand. */
export interface NetworkSettingsStore {
  readonly current: () => NetworkSettings
  write(settings: NetworkSettings): Promise<void>
}

/** Opens the settings that a file holds. */
export async function openNetworkSettings(file: SettingsFile<NetworkSettings>): Promise<NetworkSettingsStore> {
  let settings = await file.read()
  return {
    current: () => settings,
    async write(next) {
      await file.write(next)
      settings = next
    },
  }
}

const EVERYWHERE: readonly string[] = ['0.0.0.0', '::']

/** Sets what holds for all networks; an address that this machine does not have is `network.no-such-address`. */
export async function writeNetworkSettings(context: ServiceContext, change: NetworkSettingsChange): Promise<void> {
  const { hostAddress = '', bridge } = change
  const own = Object.values(os.networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
  const isOwn =
    hostAddress === '' ||
    EVERYWHERE.includes(hostAddress) ||
    hostAddress.startsWith('127.') ||
    own.includes(hostAddress)
  if (!isOwn)
    throw new EngineError(
      'invalidArgument',
      'network.no-such-address',
      `this machine has no address ${hostAddress}; it has ${own.join(', ')}`,
      { details: { address: hostAddress } },
    )
  if (bridge) await settleDefaultBridge(context, bridge)
  const current = context.networkSettings.current()
  await context.networkSettings.write({
    hostAddress: hostAddress || current.hostAddress,
    bridge: bridge ?? current.bridge,
  })
  context.bus.publish({ type: 'engine', action: 'settings', id: '', attributes: {} })
}
