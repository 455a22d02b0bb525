import type { LogLine } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { createLogReader } from '../../runtime/log.ts'
import { readLogLimits } from '../../runtime/log-options.ts'
import type { ServiceContext } from '../context.ts'
import { findContainer } from './find.ts'

/** A window onto a container's log, oldest line first. */
export async function readLogWindow(
  context: ServiceContext,
  input: { readonly id: string; readonly before?: number | undefined; readonly tail: number; readonly search: string },
): Promise<{ lines: LogLine[]; endOffset: number; hasOlder: boolean }> {
  const { id, ...window } = input
  return readerOf(context, id).window(window)
}

/** Lines as they are written, from an offset on. */
export function followLog(
  context: ServiceContext,
  input: { readonly id: string; readonly from: number },
  signal: AbortSignal,
): AsyncIterable<LogLine[]> {
  return readerOf(context, input.id).follow({ from: input.from, signal })
}

function readerOf(context: ServiceContext, ref: string) {
  const { id, config } = findContainer(context.containers, ref)
  if (config.log.driver === 'none')
    throw new EngineError('notImplemented', 'log.not-kept', 'configured logging driver does not support reading')
  const { logMaxBytes: maxBytes, logMaxFiles } = context.config
  const { maxFiles } = readLogLimits(config.log, { maxBytes, maxFiles: logMaxFiles })
  return createLogReader({ path: context.layout.log(id), maxFiles })
}
