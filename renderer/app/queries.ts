import { QueryClient, queryOptions } from '@tanstack/react-query'
import { api, desktop } from '../api/client.ts'

/** Facts stay fresh until an event says otherwise. The engine is in this machine: whether that has a network does not matter. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: 'always',
    },
  },
})

export const containerList = queryOptions({ queryKey: ['container', 'list'], queryFn: () => api.container.list({}) })
export const imageList = queryOptions({ queryKey: ['image', 'list'], queryFn: () => api.image.list({}) })
export const volumeList = queryOptions({ queryKey: ['volume', 'list'], queryFn: () => api.volume.list({}) })
export const networkList = queryOptions({ queryKey: ['network', 'list'], queryFn: () => api.network.list({}) })
export const registryList = queryOptions({ queryKey: ['registry', 'list'], queryFn: () => api.registry.list({}) })
export const registrySettings = queryOptions({
  queryKey: ['registry', 'settings'],
  queryFn: () => api.registry.settings({}),
})
export const dockerApi = queryOptions({ queryKey: ['docker', 'describe'], queryFn: () => api.docker.describe({}) })
/** Bytes of volumes by name, measured anew whenever somebody looks. */
export const volumeSizes = queryOptions({
  queryKey: ['volume', 'sizes'],
  queryFn: () => api.volume.sizes({}),
  staleTime: 0,
})
/** Measured anew whenever somebody looks: files grow without an event. */
export const diskUsage = queryOptions({
  queryKey: ['disk', 'usage'],
  queryFn: () => api.system.diskUsage({}),
  staleTime: 0,
})
/** A layer never changes. */
export const layerFiles = (id: string, layer: number, path: string) =>
  queryOptions({ queryKey: ['layer', id, layer, path], queryFn: () => api.image.layerFiles({ id, layer, path }) })
/** By the desktop: it answers without an engine too. */
export const doctorReport = queryOptions({
  queryKey: ['doctor'],
  queryFn: () => desktop.doctor({}),
})
/** What the app around the window has; it says when that changes. */
export const desktopState = queryOptions({ queryKey: ['desktop', 'state'], queryFn: () => desktop.state({}) })
export const crashReports = queryOptions({ queryKey: ['desktop', 'reports'], queryFn: () => desktop.reports({}) })
export const crashReport = (file: string) =>
  queryOptions({ queryKey: ['desktop', 'report', file], queryFn: () => desktop.report({ file }), enabled: file !== '' })
export const updateState = queryOptions({ queryKey: ['desktop', 'update'], queryFn: () => desktop.update({}) })
/** Asked anew whenever somebody looks: ports begin to listen and rules change without an event. */
export const reachAnswer = (from: string, to: string) =>
  queryOptions({
    queryKey: ['network', 'reach', from, to],
    queryFn: () => api.reach.describe({ from, to }),
    enabled: from !== '' && to !== '' && from !== to,
    staleTime: 0,
  })
export const systemInfo = queryOptions({ queryKey: ['system', 'info'], queryFn: () => api.system.info({}) })
export const networkSettings = queryOptions({
  queryKey: ['system', 'network-settings'],
  queryFn: () => api.network.settings({}),
})
/** Asked anew whenever somebody looks: addresses come and go without an event. */
export const machineNetwork = queryOptions({
  queryKey: ['network', 'machine'],
  queryFn: () => api.network.machine({}),
  staleTime: 0,
})
/** Read anew whenever somebody looks: rules change without an event. */
export const liveRules = (of: 'network' | 'container', id: string) =>
  queryOptions({
    queryKey: ['network', 'rules', of, id],
    queryFn: () => api.network.rules({ of, id }),
    staleTime: 0,
  })
export const containerDetail = (id: string) =>
  queryOptions({ queryKey: ['container', 'detail', id], queryFn: () => api.container.inspect({ id }) })
export const imageDetail = (id: string) =>
  queryOptions({ queryKey: ['image', 'detail', id], queryFn: () => api.image.inspect({ id }), enabled: id !== '' })
