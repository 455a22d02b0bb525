import path from 'node:path'
import { app } from 'electron'

const here = import.meta.dirname

/** Whether the app runs from a package and not from a folder of sources. */
export const isPackaged = here.includes('app.asar')
/** Folder of the sources' own app. */
export const sourceFolder = path.join(here, '../..')
/** Where a package has what lies beside the app, and where the sources have it. */
const beside = (name: string): string =>
  isPackaged ? path.join(process.resourcesPath, name) : path.join(sourceFolder, 'assets', name)
export const trayFolder = beside('tray')
export const windowIcon = path.join(beside('icons'), '256x256.png')
/** The public key that updates are signed with; there is none in a build that nobody releases. */
export const updateKey = beside('update-key.pem')
/** `$XDG_CONFIG_HOME` or its default. */
export const configHome = (): string => app.getPath('appData')
