import { EngineError } from '../contract/errors.ts'
import type { VolumeMount } from '../host/host.ts'

/** What the `local` driver mounts on a volume's folder. */
export type LocalMount = Omit<VolumeMount, 'target'>
type Options = Readonly<Record<string, string>>

const KNOWN = ['type', 'o', 'device', 'size']
/** What each needs beside it (moby `volume/local`). */
const NEEDED = { device: ['type'], type: ['device'], o: ['device', 'type'] }

/** What a volume's options have mounted; `null`: its folder is all there is. */
export function readLocalMount({ type = '', device = '', o = '' }: Options): LocalMount | null {
  return type === '' && device === '' ? null : { type, device, options: o }
}

/** Refuses, in Docker's words, options that the `local` driver does not know or cannot serve here. */
export function assertLocalOptions(options: Options, { rootless }: { readonly rootless: boolean }): void {
  for (const name of Object.keys(options))
    if (!KNOWN.includes(name)) throw refuse(`invalid option: ${JSON.stringify(name.slice(0, 100))}`)
  if (options['size'] !== undefined)
    throw refuse('quota size requested but no quota support; the size of a tmpfs is given as o=size=64m')
  for (const [name, needed] of Object.entries(NEEDED))
    for (const other of options[name] === undefined ? [] : needed)
      if (options[other] === undefined) throw refuse(`missing required option: "${other}"`)
  for (const [name, value] of Object.entries(options))
    if (value.includes('\0')) throw refuse(`option "${name}" has a NUL character`)
  const mount = readLocalMount(options)
  if (!mount || !rootless || mount.type === 'tmpfs' || isBind(mount.options)) return
  throw refuse(
    `option "type": without root the kernel mounts no ${JSON.stringify(mount.type.slice(0, 100))} here, only tmpfs and folders with o=bind; mount it on this machine and bind the folder`,
  )
}

/** Whether what lies in it is lost when nobody has it mounted. */
export const isForgetful = (options: Options): boolean => options['type'] === 'tmpfs' && !isBind(options['o'] ?? '')

const isBind = (o: string) => o.split(',').some((word) => word === 'bind' || word === 'rbind')

const refuse = (text: string) => new EngineError('invalidArgument', 'volume.local-options', text)
