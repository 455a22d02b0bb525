import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { writeWhole } from './write-file.ts'

/** What the session starts: a program and its arguments. */
export interface StartCommand {
  readonly program: string
  readonly args: readonly string[]
}

/** The command that starts this app again: the AppImage itself, not the place where it is mounted now. */
export function startCommand(options: {
  readonly env: NodeJS.ProcessEnv
  readonly program: string
  /** Folder of the app, when it is not packaged. */
  readonly appFolder: string | null
  /** Options of this start that belong to the next one too. */
  readonly kept: readonly string[]
}): StartCommand {
  const { env, program, appFolder, kept } = options
  if (env['APPIMAGE']) return { program: env['APPIMAGE'], args: kept }
  return { program, args: [...(appFolder ? [appFolder] : []), ...kept] }
}

/** A desktop entry for `autostart/`: starts the app without its window. */
export function autostartEntry({ program, args }: StartCommand): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Slipway',
    `Exec=${[program, ...args, '--hidden'].map(quote).join(' ')}`,
    'Icon=slipway',
    'Terminal=false',
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n')
}

/** An argument as the Desktop Entry Specification wants it: quoted, then escaped once more as a string; `%` is a field code. */
function quote(text: string): string {
  const escaped = text.replaceAll('%', '%%')
  if (/^[\w@%+=:,./-]+$/.test(escaped)) return escaped
  return `"${escaped.replace(/["`$\\]/g, '\\$&')}"`.replaceAll('\\', '\\\\')
}

/** The entry below `$XDG_CONFIG_HOME`; whoever else takes it away or turns it off is right. */
export function openAutostart(configHome: string, command: StartCommand) {
  const file = path.join(configHome, 'autostart/slipway.desktop')
  return {
    isOn(): boolean {
      try {
        const text = readFileSync(file, 'utf8')
        return !/^Hidden\s*=\s*true$/m.test(text) && !/^X-GNOME-Autostart-enabled\s*=\s*false$/m.test(text)
      } catch {
        return false
      }
    },
    set(isOn: boolean): void {
      if (isOn) writeWhole(file, autostartEntry(command))
      else rmSync(file, { force: true })
    },
  }
}
