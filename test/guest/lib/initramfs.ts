import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** What the first process needs to reach the host's files; the rest is loaded from there. */
const MODULES = ['virtio_pci', 'virtio_blk', '9p', '9pnet_virtio', 'overlay', 'ext4', 'crc32c_generic']

/** A kernel that Debian's package installed: its version, `''` when there is none. */
export function findKernel(): string {
  const isWhole = (version: string) => existsSync(`/boot/vmlinuz-${version}`) && existsSync(`/lib/modules/${version}`)
  const versions = existsSync('/boot') ? readdirSync('/boot').map((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? '') : []
  return (
    versions
      .filter((version) => version !== '' && isWhole(version))
      .sort()
      .at(-1) ?? ''
  )
}

/** Writes an initramfs with busybox, the modules of a kernel and an `/init`; answers with its path. */
export function makeInitramfs(options: {
  readonly folder: string
  readonly kernel: string
  /** The service's argv. */
  readonly service: string
}): string {
  const { folder, kernel, service } = options
  const tree = path.join(folder, 'initramfs')
  for (const name of ['bin', 'modules', 'proc', 'dev', 'host', 'memory', 'root'])
    mkdirSync(path.join(tree, name), { recursive: true })
  copyFileSync('/bin/busybox', path.join(tree, 'bin/busybox'))
  copyFileSync(path.join(import.meta.dirname, 'init.sh'), path.join(tree, 'init'))
  writeFileSync(path.join(tree, 'guest.target'), '[Unit]\nRequires=guest.service\n')
  writeFileSync(path.join(tree, 'guest.service'), serviceUnit(service))
  const modules = inOrder(kernel)
  for (const file of modules) copyFileSync(file, path.join(tree, 'modules', path.basename(file)))
  writeFileSync(path.join(tree, 'modules/order'), modules.map((file) => path.basename(file)).join('\n'))
  execFileSync('chmod', ['755', path.join(tree, 'init')])
  const names = execFileSync('find', ['.'], { cwd: tree })
  const image = path.join(folder, 'initramfs.cpio')
  writeFileSync(
    image,
    execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: tree, input: names, maxBuffer: 1e8 }),
  )
  return image
}

/** Files of the modules and of those that they need, each after what it stands on. */
function inOrder(kernel: string): string[] {
  const said = MODULES.map((name) => execFileSync('modprobe', ['-S', kernel, '--show-depends', name]).toString())
  const files = said.flatMap((text) => [...text.matchAll(/^insmod (\S+)/gm)].map(([, file = '']) => file))
  return [...new Set(files)]
}

/** The tests begin at once, beside the rest of the start. */
const serviceUnit = (command: string): string => `[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
OOMPolicy=continue
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=${command}
`
