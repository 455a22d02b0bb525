import { EngineError } from '../../contract/errors.ts'

/** A plugin's words with the volume that they are about, as Docker has them. */
export async function naming<T>(action: string, name: string, work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    const { code, reason, message, details } = EngineError.from(cause)
    throw new EngineError(code, reason, `${action} ${name}: ${message}`, { cause, ...(details ? { details } : {}) })
  })
}
