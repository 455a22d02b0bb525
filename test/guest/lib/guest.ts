import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { makeInitramfs } from './initramfs.ts'

/** A booted machine that tells how its tests went. */
export interface Guest {
  /** How a test went: `''` when it passed, else what went wrong. Waits until it is told, or the guest ends. */
  outcome(test: string): Promise<string>
  /** What the guest printed. */
  console(): string
  /** Ends qemu, and removes what was made for it. */
  end(): Promise<void>
}

/** One line of the guest's second serial port. */
interface Report {
  readonly test: string
  readonly error: string
}

/**
 * Boots a Debian kernel in software emulation on this machine's own files. `script` is the text of a shell
 * script that the guest runs as root once systemd is up; it sees this machine's files as they are, writes into memory, has a disk of its own
 * at /mnt, and reports on /dev/ttyS1.
 */
export function bootGuest({ kernel, script }: { readonly kernel: string; readonly script: string }): Guest {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slg-'))
  const disk = path.join(folder, 'disk')
  execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', '-E', 'nodiscard', disk, '512m'])
  const scriptFile = path.join(folder, 'script.sh')
  writeFileSync(scriptFile, script)
  const initrd = makeInitramfs({ folder, kernel, service: `/bin/sh ${scriptFile}` })
  const log = path.join(folder, 'console')
  const qemu = spawn('qemu-system-x86_64', qemuArguments({ kernel, initrd, disk, log }), {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const reports = collect(qemu)
  return {
    outcome: reports.outcome,
    console: () => readFileSync(log, 'utf8'),
    async end() {
      qemu.kill('SIGKILL')
      await reports.ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function qemuArguments(files: {
  readonly kernel: string
  readonly initrd: string
  readonly disk: string
  readonly log: string
}): string[] {
  const { kernel, initrd, disk, log } = files
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
    ...['-M', 'pc', '-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off', '-smp', '2', '-m', '1024'],
    ...['-kernel', `/boot/vmlinuz-${kernel}`, '-initrd', initrd],
    ...[
      '-append',
      'console=ttyS0 quiet panic=-1 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 mitigations=off nokaslr random.trust_cpu=on systemd.show_status=0',
    ],
    ...['-serial', `file:${log}`, '-serial', 'stdio'],
    ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
    ...['-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=root,mount_tag=root'],
  ]
}

function collect(qemu: ChildProcess) {
  const outcomes = new Map<string, string>()
  let wake: (() => void)[] = []
  let last = ''
  let isOver = false
  const wakeAll = () => {
    for (const one of wake) one()
    wake = []
  }
  if (qemu.stdout)
    createInterface(qemu.stdout).on('line', (line) => {
      const report = parseReport(line)
      if (report) outcomes.set(report.test, report.error)
      wakeAll()
    })
  qemu.stderr?.on('data', (chunk: Buffer) => (last = chunk.toString()))
  const ended = new Promise<void>((resolve) => {
    qemu.on('error', (error) => (last = String(error)))
    qemu.on('close', () => {
      isOver = true
      wakeAll()
      resolve()
    })
  })
  return {
    ended,
    async outcome(test: string): Promise<string> {
      while (!outcomes.has(test) && !isOver) await new Promise<void>((resolve) => wake.push(resolve))
      return outcomes.get(test) ?? `the guest ended before this test was told of ${last}`.trim()
    },
  }
}

function parseReport(line: string): Report | null {
  try {
    return JSON.parse(line) as Report
  } catch {
    return null
  }
}
