import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'

/** Where distributions put the profile of their container packages. */
export const SECCOMP_PROFILE = '/usr/share/containers/seccomp.json'

const Profile = z.object({
  defaultAction: z.string(),
  defaultErrnoRet: z.number().optional(),
  /** Profiles of before `archMap` name them plainly. */
  architectures: z.array(z.string()).nullish(),
  archMap: z.array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() })).nullish(),
  syscalls: z.array(
    z.object({
      names: z.array(z.string()).default([]),
      name: z.string().optional(),
      action: z.string(),
      args: z.array(z.unknown()).nullish(),
      errnoRet: z.number().optional(),
      includes: z
        .object({
          caps: z.array(z.string()).nullish(),
          arches: z.array(z.string()).nullish(),
          minKernel: z.string().nullish(),
        })
        .nullish(),
      excludes: z
        .object({
          caps: z.array(z.string()).nullish(),
          arches: z.array(z.string()).nullish(),
          minKernel: z.string().nullish(),
        })
        .nullish(),
    }),
  ),
})

const ARCHITECTURES: Readonly<Record<string, { readonly seccomp: string; readonly go: string }>> = {
  x64: { seccomp: 'SCMP_ARCH_X86_64', go: 'amd64' },
  riscv64: { seccomp: 'SCMP_ARCH_RISCV64', go: 'riscv64' },
  s390x: { seccomp: 'SCMP_ARCH_S390X', go: 's390x' },
  ppc64: { seccomp: 'SCMP_ARCH_PPC64LE', go: 'ppc64le' },
  arm64: { seccomp: 'SCMP_ARCH_AARCH64', go: 'arm64' },
}

export interface SeccompFacts {
  readonly capabilities: readonly string[]
  /** `process.arch`. */
  readonly architecture: string
  /** `uname -r`. */
  readonly kernel: string
}

/**
 * x32 is off in the kernels of all distributions (some turn it on at boot), so its calls end in any case. libseccomp
 * compiles the whole profile once an architecture at each start and exec, which for x32 costs 6 ms of 30 for nothing.
 */
const UNUSED_ARCHITECTURE = 'SCMP_ARCH_X32'

/** A profile of the distribution's own without the architectures that no kernel runs; see ADR 7. */
export function withoutUnusedArchitectures(compiled: CompiledSeccomp): CompiledSeccomp {
  return { ...compiled, architectures: compiled.architectures.filter((name) => name !== UNUSED_ARCHITECTURE) }
}

/** What the runtime takes as `linux.seccomp`. */
export interface CompiledSeccomp {
  readonly defaultAction?: string
  readonly syscalls?: readonly { readonly names: readonly string[]; readonly action: string }[]
  readonly architectures: readonly string[]
}

/** The OCI `linux.seccomp` object for a container, from the distribution's profile in Docker's extended schema. */
export function compileSeccomp(profileText: string, facts: SeccompFacts): CompiledSeccomp {
  const profile = parseProfile(profileText)
  const own = ARCHITECTURES[facts.architecture]
  const map = profile.archMap?.find(({ architecture }) => architecture === own?.seccomp)
  const applies = (rule: z.output<typeof Profile>['syscalls'][number]) => {
    const { includes, excludes } = rule
    if (includes?.arches?.length && !includes.arches.includes(own?.go ?? '')) return false
    if (includes?.caps?.length && !includes.caps.every((cap) => facts.capabilities.includes(cap))) return false
    if (includes?.minKernel && !isAtLeast(facts.kernel, includes.minKernel)) return false
    if (excludes?.minKernel && isAtLeast(facts.kernel, excludes.minKernel)) return false
    if (excludes?.arches?.length && excludes.arches.includes(own?.go ?? '')) return false
    return !excludes?.caps?.some((cap) => facts.capabilities.includes(cap))
  }
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: map ? [map.architecture, ...(map.subArchitectures ?? [])] : (profile.architectures ?? []),
    syscalls: profile.syscalls.filter(applies).map(({ names, name, action, args, errnoRet }) => ({
      names: name ? [...names, name] : names,
      action,
      ...(args?.length ? { args } : {}),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    })),
  }
}

/** Reads a profile in Docker's extended schema. What is none is `seccomp.invalid`. */
export function parseProfile(text: string): z.output<typeof Profile> {
  try {
    return Profile.parse(JSON.parse(text))
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? `${cause.issues[0]?.path.join('.')}: ${cause.issues[0]?.message}` : String(cause)
    throw new EngineError('invalidArgument', 'seccomp.invalid', `Decoding seccomp profile failed: ${why}`, { cause })
  }
}

function isAtLeast(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  const [wantedMajor = 0, wantedMinor = 0] = least.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
