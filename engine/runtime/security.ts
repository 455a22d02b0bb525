import { EngineError } from '../contract/errors.ts'

/** What `--security-opt` asks for. */
export interface Security {
  readonly noNewPrivileges: boolean
  /** `default`, `unconfined`, or the text of a profile. */
  readonly seccomp: string
  /** Name of an AppArmor profile, `''` for the engine's own choice. */
  readonly appArmor: string
}

/** Reads security options in both of Docker's spellings (`seccomp=x`, `seccomp:x`). SELinux labels are accepted and mean nothing here. */
export function parseSecurityOptions(options: readonly string[]): Security {
  let security: Security = { noNewPrivileges: false, seccomp: 'default', appArmor: '' }
  for (const option of options) security = { ...security, ...parseOption(option) }
  return security
}

function parseOption(option: string): Partial<Security> {
  if (option === 'no-new-privileges') return { noNewPrivileges: true }
  if (option === 'disable') return {}
  const cut = option.search(/[=:]/)
  const [key, value] = cut < 0 ? [option, ''] : [option.slice(0, cut), option.slice(cut + 1)]
  const refuse = () =>
    new EngineError('invalidArgument', 'security.invalid', `invalid --security-opt: ${JSON.stringify(option)}`)
  if (cut < 0 || value === '') throw refuse()
  switch (key) {
    case 'no-new-privileges':
      if (!/^(true|false|1|0)$/i.test(value)) throw refuse()
      return { noNewPrivileges: /^(true|1)$/i.test(value) }
    case 'seccomp':
      return { seccomp: value === 'builtin' ? 'default' : value }
    case 'apparmor':
      return { appArmor: value }
    case 'label':
      return {}
    default:
      throw refuse()
  }
}
