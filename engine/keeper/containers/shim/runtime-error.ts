import { EngineError } from '../../../contract/errors.ts'

/** The last error of a runtime's JSON log (`{"level":"error","msg":…}` a line), or `''`. */
export function lastLoggedError(log: string): string {
  let found = ''
  for (const line of log.split('\n')) {
    try {
      const entry = JSON.parse(line) as { level?: string; msg?: string }
      if (entry.msg && (entry.level === 'error' || entry.level === 'fatal')) found = entry.msg
    } catch {
      // A line cut short by a crash.
    }
  }
  return found
}

/** A runtime's error text without its own prefixes: `exec: "nope": executable file not found in $PATH`. */
export function cleanRuntimeText(text: string): string {
  const line = text.trim().split('\n').at(-1)?.trim() ?? ''
  const message = /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1]?.replace(/\\(.)/g, '$1') ?? line
  const bare = message.replace(
    /^(?:(?:runc|crun)[\w ]* failed: |error executing setns process: |container_linux\.go:\d+: |unable to start container process: |exec failed: |starting container process caused: |error during container init: )+/g,
    '',
  )
  const exec = bare.indexOf('exec: "')
  return exec > 0 ? bare.slice(exec) : bare
}

/** An error for what a runtime said: command missing, not allowed, a path missing, or another failure. */
export function runtimeError(text: string, containerId: string): EngineError {
  const message = cleanRuntimeText(text) || 'the runtime failed without a word'
  const options = { details: { containerId } }
  const isCommand = message.startsWith('exec: ')
  if (/executable file .*not found/.test(message) || (isCommand && /no such file or directory/.test(message))) {
    return new EngineError('invalidArgument', 'runtime.command-not-found', message, options)
  }
  if (/permission denied|is a directory/i.test(message) && (isCommand || /permission denied/i.test(message))) {
    return new EngineError('invalidArgument', 'runtime.permission-denied', message, options)
  }
  if (/no such file or directory/i.test(message))
    return new EngineError('invalidArgument', 'runtime.path-not-found', message, options)
  if (/container .*does not exist/.test(message))
    return new EngineError('notFound', 'runtime.no-such-container', message, options)
  return new EngineError('internal', 'runtime.failed', message, options)
}
