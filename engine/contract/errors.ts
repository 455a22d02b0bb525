/** Error codes and the HTTP status each stands for. A code without a status cannot compile. */
export const ERROR_STATUS = {
  notModified: 304,
  invalidArgument: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  canceled: 499,
  internal: 500,
  notImplemented: 501,
  unavailable: 503,
  deadline: 504,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

/** Plain facts beside an error: ids, names, ports. Never secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>

/** What crosses IPC and the keeper's socket in place of an `EngineError`. */
export interface WireError {
  readonly code: ErrorCode
  readonly reason: string
  readonly message: string
  readonly details?: ErrorDetails
}

/**
 * The one error of the engine. `code` decides how a transport answers, `reason` is stable and dotted
 * (`port.in-use`, `image.digest-mismatch`) so that a screen can translate it, `message` is for people.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode
  readonly reason: string
  readonly details: ErrorDetails | undefined

  constructor(
    code: ErrorCode,
    reason: string,
    message: string,
    options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.reason = reason
    this.details = options.details
  }

  toWire(): WireError {
    const { code, reason, message, details } = this
    return details ? { code, reason, message, details } : { code, reason, message }
  }

  static fromWire(wire: WireError): EngineError {
    return new EngineError(wire.code, wire.reason, wire.message, wire.details ? { details: wire.details } : {})
  }

  /** Turns anything thrown into an `EngineError`; the unknown becomes `internal`. */
  static from(cause: unknown): EngineError {
    if (cause instanceof EngineError) return cause
    if (cause instanceof Error && cause.name === 'AbortError') {
      return new EngineError('canceled', 'canceled', 'the operation was canceled', { cause })
    }
    const { code } = (cause ?? {}) as { code?: unknown }
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and try again', {
        cause,
      })
    }
    return new EngineError('internal', 'internal', cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
