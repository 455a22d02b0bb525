import fs from 'node:fs'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import { bindMount, mountTmpfs, unmount } from './libc/mount.ts'
import { openPathInRoot } from './unpack/root-paths.ts'

/** Makes a folder and mounts a tmpfs on it, in place of an earlier one. */
export function mountShm({ target, sizeBytes }: { readonly target: string; readonly sizeBytes: number }): void {
  fs.mkdirSync(target, { recursive: true, mode: 0o711 })
  unmount(target)
  mountTmpfs(target, `mode=1777,size=${sizeBytes}`)
}

/** Mounts a file or folder of a root by its descriptor: nothing that happens in the root meanwhile leads elsewhere. */
export function bindInRoot({
  root,
  path: inner,
  target,
}: {
  readonly root: string
  readonly path: string
  readonly target: string
}): void {
  const fd = openPathInRoot(root, inner)
  if (fd < 0)
    throw new EngineError(
      'invalidArgument',
      'path.not-found',
      `cannot access path ${inner} of the volume: no such file or directory`,
    )
  try {
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o711 })
    if (fs.existsSync(target)) unmount(target)
    if (fs.fstatSync(fd).isDirectory()) fs.mkdirSync(target, { recursive: true })
    else fs.writeFileSync(target, '')
    bindMount(`/proc/self/fd/${fd}`, target)
  } finally {
    fs.closeSync(fd)
  }
}

/** Mount points below a folder, from a `/proc/PID/mountinfo` (proc(5): the fifth field, blanks written in octal). */
export function listMounts(mountinfo: string, folder: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8))),
    )
    .filter((point) => point.startsWith(`${folder}/`))
}

/** Takes away what the two above have made in a folder. */
export function releaseMounts(folder: string): void {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  for (const name of names) {
    const target = path.join(folder, name)
    unmount(target)
    // Only what was made to be mounted on is removed: an empty file or folder.
    if (fs.lstatSync(target).isDirectory()) fs.rmdirSync(target)
    else fs.unlinkSync(target)
  }
  fs.rmSync(folder, { recursive: true, force: true })
}
