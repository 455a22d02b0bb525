import type { z } from 'zod'

/** A read: no effect, may be repeated. */
export interface Query<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'query'
  readonly input: I
  readonly output: O
}
/** A change: acknowledged once it is committed; the screen learns the new state from events. */
export interface Command<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly kind: 'command'
  readonly input: I
  readonly output: O
}
/** A flow of frames down to the caller and, where `up` is given, up to the engine. */
export interface Stream<
  I extends z.ZodType = z.ZodType,
  D extends z.ZodType = z.ZodType,
  U extends z.ZodType = z.ZodType,
> {
  readonly kind: 'stream'
  readonly input: I
  readonly down: D
  readonly up: U
}
export type Procedure = Query | Command | Stream
export type ContractShape = Readonly<Record<string, Readonly<Record<string, Procedure>>>>

export const query = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O): Query<I, O> => ({
  kind: 'query',
  input,
  output,
})
export const command = <I extends z.ZodType, O extends z.ZodType>(input: I, output: O): Command<I, O> => ({
  kind: 'command',
  input,
  output,
})
export const stream = <I extends z.ZodType, D extends z.ZodType, U extends z.ZodType>(
  input: I,
  down: D,
  up: U,
): Stream<I, D, U> => ({ kind: 'stream', input, down, up })

/** What a handler is told about the call beside its input. */
export interface CallContext {
  readonly signal: AbortSignal
}

type HandlerOf<P> =
  P extends Stream<infer I, infer D, infer U>
    ? (
        input: z.output<I>,
        context: CallContext & { readonly up: AsyncIterable<z.output<U>> },
      ) => AsyncIterable<z.input<D>>
    : P extends Query<infer I, infer O> | Command<infer I, infer O>
      ? (input: z.output<I>, context: CallContext) => Promise<z.input<O>>
      : never

/** The engine's side: one function a procedure. */
export type Handlers<C> = {
  readonly [N in keyof C]: { readonly [M in keyof C[N]]: HandlerOf<C[N][M]> }
}

/** An open stream as the caller holds it. Closing it cancels the work on the other side. */
export interface ClientStream<D, U> extends AsyncIterable<D> {
  send(frame: U): void
  close(): void
}

type MethodOf<P> =
  P extends Stream<infer I, infer D, infer U>
    ? (input: z.input<I>, options?: { readonly signal?: AbortSignal }) => ClientStream<z.output<D>, z.input<U>>
    : P extends Query<infer I, infer O> | Command<infer I, infer O>
      ? (input: z.input<I>, options?: { readonly signal?: AbortSignal }) => Promise<z.output<O>>
      : never

/** The caller's side: the same names, the same types. */
export type Client<C> = {
  readonly [N in keyof C]: { readonly [M in keyof C[N]]: MethodOf<C[N][M]> }
}
