import type { MountInput } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { type Json, list, number, object, objects, text, texts } from './json.ts'

const PROPAGATION = /^r?(private|shared|slave)$/
const refuse = (message: string) => new EngineError('invalidArgument', 'mount.invalid', message)

/** `Binds`, `Mounts`, `Tmpfs` and `Volumes` of a create request. What a bind names is not made anew as an anonymous volume. */
export function readMounts(body: Json, host: Json): MountInput[] {
  const driver = text(host['VolumeDriver'])
  const byDriver = (mount: MountInput): MountInput => (mount.type === 'volume' ? { ...mount, driver } : mount)
  const named = [
    ...list(host['Binds']).map(parseBind).map(byDriver),
    ...objects(host['Mounts']).map(readMount),
    ...Object.entries(texts(host['Tmpfs'])).map(([target, options]) => readTmpfs(target, options)),
  ]
  const targets = new Set(named.map(({ target }) => target))
  const anonymous = Object.keys(object(body['Volumes'])).filter((target) => !targets.has(target))
  return [
    ...named,
    ...anonymous.map((target) => byDriver({ type: 'volume' as const, target: absolute(target, target) })),
  ]
}

/** `SOURCE:TARGET[:OPTIONS]`; a source that is no path is a volume's name, and a missing folder of the host is made. */
export function parseBind(bind: string): MountInput {
  const [source = '', target, options = '', rest] = bind.split(':')
  if (target === undefined) return { type: 'volume', target: absolute(source, bind) }
  if (source === '' || rest !== undefined) throw refuse(`invalid volume specification: '${bind}'`)
  const flags = options === '' ? [] : options.split(',')
  const unknown = flags.find(
    (flag) => !/^(ro|rw|z|Z|nocopy|r?bind|cached|delegated|consistent)$/.test(flag) && !PROPAGATION.test(flag),
  )
  if (unknown !== undefined) throw refuse(`invalid mode: ${unknown}`)
  const propagation = flags.find((flag): flag is NonNullable<MountInput['propagation']> => PROPAGATION.test(flag))
  const isBind = source.startsWith('/')
  return {
    type: isBind ? 'bind' : 'volume',
    source,
    target: absolute(target, bind),
    readOnly: flags.includes('ro'),
    createSource: isBind,
    isRecursive: !flags.includes('bind'),
    noCopy: flags.includes('nocopy'),
    ...(propagation ? { propagation } : {}),
  }
}

function absolute(target: string, whole: string): string {
  if (target.startsWith('/')) return target
  throw refuse(`invalid volume specification: '${whole}': invalid mount path: '${target}' mount path must be absolute`)
}

/** One of `Mounts`, as `--mount` makes them. */
function readMount(mount: Json): MountInput {
  const type = text(mount['Type'])
  const target = text(mount['Target'])
  const invalid = (why: string) => refuse(`invalid mount config for type "${type}": ${why}`)
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs') throw refuse(`mount type unknown: "${type}"`)
  if (target === '') throw invalid('field Target must not be empty')
  if (!target.startsWith('/')) throw invalid(`invalid mount path: '${target}' mount path must be absolute`)
  const source = text(mount['Source'])
  const shared = { type, target, source, readOnly: mount['ReadOnly'] === true }
  switch (type) {
    case 'bind': {
      if (source === '') throw invalid('field Source must not be empty')
      const options = object(mount['BindOptions'])
      const propagation = text(options['Propagation'])
      if (propagation !== '' && !PROPAGATION.test(propagation))
        throw invalid(`invalid propagation mode: ${propagation}`)
      return {
        ...shared,
        type,
        createSource: options['CreateMountpoint'] === true,
        isRecursive: options['NonRecursive'] !== true,
        ...(propagation ? { propagation: propagation as NonNullable<MountInput['propagation']> } : {}),
      }
    }
    case 'volume': {
      const options = object(mount['VolumeOptions'])
      const config = object(options['DriverConfig'])
      const [driver, driverOptions] = [text(config['Name']), texts(config['Options'])]
      const subpath = text(options['Subpath'])
      if (subpath.startsWith('/')) throw invalid('subpath must be a relative path within the volume')
      if (subpath !== '' && source === '') throw invalid('must not set Subpath when using anonymous volumes')
      const labels = texts(options['Labels'])
      return { ...shared, type, noCopy: options['NoCopy'] === true, subpath, labels, driver, driverOptions }
    }
    case 'tmpfs': {
      if (source !== '') throw invalid('field Source must not be specified')
      const options = object(mount['TmpfsOptions'])
      const [size, mode] = [number(options['SizeBytes']), number(options['Mode'])]
      return {
        ...shared,
        type,
        options: [
          ...(size > 0 ? [`size=${size}`] : []),
          ...(mode > 0 ? [`mode=${mode.toString(8)}`] : []),
          ...objectsOfPairs(options['Options']),
        ],
      }
    }
  }
}

/** `[["exec"], ["nr_inodes", "10"]]` as mount(8) has them. */
function objectsOfPairs(value: unknown): string[] {
  return Array.isArray(value) ? value.map((pair) => list(pair).join('=')).map(assertTmpfsOption) : []
}

function readTmpfs(target: string, options: string): MountInput {
  const asked = options.split(',').filter(Boolean)
  return {
    type: 'tmpfs',
    target: absolute(target, target),
    readOnly: asked.includes('ro'),
    options: asked.filter((option) => option !== 'ro' && option !== 'rw').map(assertTmpfsOption),
  }
}

/** What mount(8) knows of a tmpfs; anything else might be an option of another kind of mount. */
function assertTmpfsOption(option: string): string {
  const [name = '', value] = option.split('=')
  const isFlag =
    /^(no)?(exec|suid|dev|atime|diratime|relatime)$|^(strictatime|sync|async|dirsync|defaults|r?private|r?shared|r?slave|r?unbindable)$/.test(
      option,
    )
  const isSetting =
    ['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol'].includes(name) && /^[\w:,%-]+$/.test(value ?? '')
  if (isFlag || isSetting) return option
  throw refuse(`invalid tmpfs option ["${option}"]`)
}
