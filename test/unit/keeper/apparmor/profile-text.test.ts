import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { profileText } from '../../../../engine/keeper/apparmor/profile-text.ts'

const PARSER = '/usr/sbin/apparmor_parser'
const plain = profileText({ ownLabel: 'unconfined', hasAbi: false })

/** What is denied of a path, by the rules of the text: their patterns (apparmor.d(5), globbing) as regular expressions. */
function denied(path: string): string {
  const rules = [...plain.matchAll(/^ {2}deny (\/\S*) (\w+),$/gm)]
  expect(rules.length).toBeGreaterThan(5)
  const toRegExp = (pattern: string) => {
    const parts = pattern.split(/(\*\*|\*|\{|\}|,|\[[^\]]*\])/)
    const spelled: Record<string, string> = { '**': '.*', '*': '[^/]*', '{': '(?:', '}': ')', ',': '|' }
    return new RegExp(`^${parts.map((part) => spelled[part] ?? part).join('')}$`)
  }
  return rules.flatMap(([, pattern = '', rights = '']) => (toRegExp(pattern).test(path) ? [rights] : [])).join('')
}

describe('the default profile', () => {
  test.each([
    '/proc/sys/net/ipv4/ip_forward',
    '/proc/sys/vm/swappiness',
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/kernel/modprobe',
    '/proc/sys/kernel/sysrq',
    '/proc/sys/kernel/seccomp/actions_logged',
    '/proc/sys/kernel/keys/maxkeys',
    '/proc/sysrq-trigger',
    '/proc/timer_list',
    '/proc/irq/1/smp_affinity',
    '/proc/scsi/scsi',
    '/proc/sysvipc/shm',
    '/sys/kernel/uevent_helper',
    '/sys/devices/system/cpu/cpu0/online',
    '/sys/firmware/efi/vars/x',
    '/sys/fs/ext4/sda1/x',
    '/sys/fs/bpf/x',
  ])('denies writing %s', (path) => {
    expect(denied(path)).toContain('w')
  })

  test.each([
    '/proc/1/oom_score_adj',
    '/proc/4321/task/4321/attr/exec',
    '/proc/sys/kernel/shmmax',
    '/proc/sys/kernel/msgmnb',
    '/proc/sys/kernel/sem',
    '/sys/fs/cgroup/pids.max',
    '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes',
    '/etc/passwd',
    '/srv/proc/sys/x',
  ])('lets %s be', (path) => {
    expect(denied(path)).toBe('')
  })

  test.each(['/proc/kcore', '/proc/sysrq-trigger', '/sys/firmware/acpi/tables/DSDT', '/sys/kernel/security/apparmor'])(
    'denies reading %s',
    (path) => {
      expect(denied(path)).toContain('r')
    },
  )

  it('takes signals from the label that the keeper has, unless it would be a pattern', () => {
    const labelled = (ownLabel: string) => profileText({ ownLabel, hasAbi: false })
    expect(labelled('/usr/lib/slipway/slipway')).toContain('signal (receive) peer="/usr/lib/slipway/slipway",')
    for (const odd of ['a*', 'a"', '', 'a{b,c}']) expect(labelled(odd)).toBe(plain)
  })

  it.skipIf(!existsSync(PARSER))('is understood by the parser (skipped without apparmor_parser)', () => {
    const hasAbi = existsSync('/etc/apparmor.d/abi/3.0')
    for (const input of [plain, profileText({ ownLabel: '/opt/a b', hasAbi })])
      execFileSync(PARSER, ['--skip-kernel-load', '--skip-cache'], { input, stdio: 'pipe' })
    expect(() => execFileSync(PARSER, ['--skip-kernel-load'], { input: `${plain}}`, stdio: 'pipe' })).toThrow()
  })
})
