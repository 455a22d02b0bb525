import { contextBridge, ipcRenderer, webUtils } from 'electron'

/*
 * The bridge: two calls and the path of a dropped file. It knows no procedure names. Ports cannot cross the bridge, so they go by
 * `window.postMessage`, marked with the nonce that the window chose.
 */
contextBridge.exposeInMainWorld('slipway', {
  invoke: (path: string, input: unknown) => ipcRenderer.invoke('rpc:invoke', path, input),
  open: (path: string, input: unknown, nonce: string) => ipcRenderer.send('rpc:open', path, input, nonce),
  pathForFile: (file: File) => webUtils.getPathForFile(file),
})

ipcRenderer.on('rpc:port', (event, nonce: string) => window.postMessage({ slipwayPort: nonce }, '*', event.ports))
