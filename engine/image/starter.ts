import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import tar from 'tar-stream'
import { EngineError } from '../contract/errors.ts'
import { digestOf } from '../lib/digest.ts'
import { isStaticProgram } from '../lib/elf.ts'

export const STARTER_REFERENCE = 'slipway/starter:latest'

const APPLETS =
  'ash awk basename cat chgrp chmod chown clear cp cut date dd df dirname dmesg du echo env expr false find free grep gunzip gzip head hostname httpd id ifconfig ip kill less ln ls mkdir mknod mktemp more mount mv nc netstat nslookup pidof ping printf ps pwd readlink realpath rm rmdir route sed seq sh sleep sort stat stty sync tail tar tee test time top touch tr traceroute true tty umount uname uniq uptime usleep vi watch wc wget which whoami xargs yes'
const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'home',
  'proc',
  'root',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/sbin',
  'sbin',
  'var',
  'var/www',
]

/** Writes a docker-archive whose one image holds this machine's own static busybox, so that the first container needs no network. */
export async function writeStarterArchive(options: {
  readonly busyboxPath: string
  readonly destination: string
  readonly architecture: string
  readonly now: Date
}): Promise<void> {
  const busybox = await readFile(options.busyboxPath).catch((cause: unknown) => {
    throw new EngineError(
      'notFound',
      'starter.no-busybox',
      `the starter image needs ${options.busyboxPath}; install the package busybox-static`,
      { cause },
    )
  })
  if (!isStaticProgram(busybox.subarray(0, 4096)))
    throw new EngineError(
      'invalidArgument',
      'starter.not-static',
      `the busybox at ${options.busyboxPath} needs libraries that the starter image has not; install the package busybox-static, which takes its place`,
    )
  const layer = await pack((archive) => {
    for (const name of FOLDERS)
      archive.entry({ name, type: 'directory', mode: name === 'tmp' ? 0o1777 : 0o755, mtime: options.now })
    archive.entry({ name: 'bin/busybox', mode: 0o755, mtime: options.now }, busybox)
    for (const applet of APPLETS.split(' '))
      archive.entry({ name: `bin/${applet}`, type: 'link', linkname: 'bin/busybox', mtime: options.now })
    archive.entry(
      { name: 'etc/passwd', mode: 0o644, mtime: options.now },
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    )
    archive.entry({ name: 'etc/group', mode: 0o644, mtime: options.now }, 'root:x:0:\nnobody:x:65534:\n')
    archive.entry(
      { name: 'var/www/index.html', mode: 0o644, mtime: options.now },
      '<!doctype html><title>Slipway</title><h1>It works.</h1>\n',
    )
  })
  const created = options.now.toISOString()
  const config = JSON.stringify({
    created,
    architecture: options.architecture,
    os: 'linux',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created, created_by: 'slipway starter image: busybox of this machine' }],
  })
  const configName = `${digestOf(config).slice('sha256:'.length)}.json`
  const archive = await pack((out) => {
    out.entry({ name: 'layer.tar', mtime: options.now }, layer)
    out.entry({ name: configName, mtime: options.now }, config)
    out.entry(
      { name: 'manifest.json', mtime: options.now },
      JSON.stringify([{ Config: configName, RepoTags: [STARTER_REFERENCE], Layers: ['layer.tar'] }]),
    )
  })
  await pipeline([archive], createWriteStream(options.destination, { mode: 0o600 }))
}

async function pack(fill: (archive: tar.Pack) => void): Promise<Buffer> {
  const archive = tar.pack()
  fill(archive)
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
