import { mkdirSync, rmSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'

/** A call as the plugin got it. */
export interface PluginCall {
  readonly method: string
  readonly body: { readonly Name?: string; readonly ID?: string; readonly Opts?: Record<string, string> }
}
/** A volume plugin of the test's own. */
export interface VolumePlugin {
  readonly calls: PluginCall[]
  /** Answers a method otherwise, `null`: never. */
  readonly answers: Map<string, { readonly status?: number; readonly body: string } | null>
  /** Holders of each volume's mount. */
  readonly holders: Map<string, Set<string>>
  close(): Promise<void>
}

/** Serves volumes, which are folders below `data`, on a socket. */
export async function startVolumePlugin(socketPath: string, data: string): Promise<VolumePlugin> {
  const plugin: Omit<VolumePlugin, 'close'> = { calls: [], answers: new Map(), holders: new Map() }
  const server = http.createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const method = (request.url ?? '').slice(1)
    const body = JSON.parse(text || '{}') as PluginCall['body']
    plugin.calls.push({ method, body })
    const other = plugin.answers.get(method)
    if (other === null) return
    response.statusCode = other?.status ?? 200
    response.end(other?.body ?? JSON.stringify(answer(method, body)))
  })
  const answer = (method: string, { Name = '', ID = '' }: PluginCall['body']): object => {
    const folder = path.join(data, Name)
    const holders = plugin.holders.get(Name)
    if (method === 'Plugin.Activate') return { Implements: ['VolumeDriver'] }
    if (method === 'VolumeDriver.Capabilities') return { Capabilities: { Scope: 'global' } }
    if (method === 'VolumeDriver.List') {
      const Volumes = [...plugin.holders.keys()].map((name) => ({ Name: name, Mountpoint: path.join(data, name) }))
      return { Volumes, Err: '' }
    }
    if (method === 'VolumeDriver.Create') {
      mkdirSync(folder, { recursive: true })
      plugin.holders.set(Name, new Set())
      return { Err: '' }
    }
    if (!holders) return { Err: `no volume ${Name}` }
    if (method === 'VolumeDriver.Mount') holders.add(ID)
    else if (method === 'VolumeDriver.Unmount') holders.delete(ID)
    else if (method === 'VolumeDriver.Remove') {
      rmSync(folder, { recursive: true })
      plugin.holders.delete(Name)
    } else if (method === 'VolumeDriver.Get')
      return { Volume: { Name, Mountpoint: folder, Status: { holders: holders.size } }, Err: '' }
    return { Mountpoint: folder, Err: '' }
  }
  mkdirSync(path.dirname(socketPath), { recursive: true })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    ...plugin,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
