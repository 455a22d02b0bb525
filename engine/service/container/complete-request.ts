import type { CreateContainer } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { resolveCapabilities } from '../../runtime/capabilities.ts'
import { parseDeviceRule } from '../../runtime/devices.ts'
import { assertOomScore, rootOnlySettings } from '../../runtime/limits.ts'
import { ineffectiveLogOptions, readLogLimits } from '../../runtime/log-options.ts'
import { parseProfile } from '../../runtime/seccomp.ts'
import { parseSecurityOptions } from '../../runtime/security.ts'
import type { ServiceContext } from '../context.ts'
import { resolveNamespaces } from './namespaces.ts'

const ULIMITS =
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ')

/** Checks what a request asks of the kernel before anything is made of it. What cannot be had here is left out, with a warning. */
export async function completeRequest(
  context: ServiceContext,
  config: CreateContainer,
): Promise<{ readonly config: CreateContainer; readonly warnings: readonly string[] }> {
  assertOomScore(config)
  config.deviceCgroupRules.forEach(parseDeviceRule)
  config.ulimits.forEach(assertUlimit)
  // One that nobody knows is refused here, and not by each start.
  resolveCapabilities({ add: config.capAdd, drop: config.capDrop, privileged: false })
  const { logMaxBytes: maxBytes, logMaxFiles: maxFiles } = context.config
  readLogLimits(config.log, { maxBytes, maxFiles })
  const security = parseSecurityOptions(config.securityOptions)
  if (!['default', 'unconfined'].includes(security.seccomp)) parseProfile(security.seccomp)
  const limits = context.runtime.checkLimits(config.resources)
  const ineffective = ineffectiveLogOptions(config.log)
  const warnings = [
    ...limits.warnings,
    ...(context.config.mode === 'rootless' ? rootOnlySettings(config) : []),
    ...(ineffective.length > 0 ? [`log options without effect here: ${ineffective.join(', ')}`] : []),
    ...(await context.runtime.checkProfile(config)),
    ...(config.network === 'host' && config.ports.length > 0
      ? ['Published ports are discarded when using host network mode']
      : []),
  ]
  return {
    config: { ...config, resources: limits.resources, namespaces: resolveNamespaces(context, config) },
    warnings,
  }
}

function assertUlimit({ name, soft, hard }: CreateContainer['ulimits'][number]): void {
  const refuse = (text: string) => new EngineError('invalidArgument', 'ulimit.invalid', text)
  if (!ULIMITS.includes(name.toLowerCase())) throw refuse(`invalid ulimit type: ${name}`)
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw refuse(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
}
