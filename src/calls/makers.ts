import type { AsyncResult } from './asyncResult.ts'
import type { Signature } from './workflow.ts'

/** Arguments without the first. */
export type Rest<Args extends readonly unknown[]> = Args extends readonly [unknown, ...infer Tail]
  ? Tail
  : Args extends readonly []
    ? never
    : Args extends readonly [_?: unknown, ...tail: infer Tail]
      ? Tail
      : Args

/** What the rest of the arguments waits for: the first; never, where these are no rest. */
type FirstBefore<Args extends readonly unknown[], Given> = Given extends Rest<Args> ? Args[0] : never

/** `task.s` of a task with positional arguments: all of them, or those that follow the result of a step before it. */
export type PositionalMaker<Args extends readonly unknown[], Result, Progress = unknown, Chunk = unknown> = <
  Given extends Args | Rest<Args>,
>(
  ...args: Given
) => Signature<
  Result,
  FirstBefore<Args, Given>,
  Given extends Args ? true : false,
  AsyncResult<Result, Progress, Chunk>
>

/** `task.s` of a task with an input: all of it; or, where `params` are declared, what follows the first of them. */
export type ObjectMaker<
  Args extends readonly unknown[],
  Input,
  Params extends readonly unknown[],
  Positions extends readonly unknown[],
  Result,
  Progress = unknown,
  Chunk = unknown,
> = Params extends readonly [infer First extends keyof Input, ...unknown[]]
  ? RestMaker<
      Args,
      Input[First],
      Rest<Positions> | [rest?: Later<Input, First>],
      Result,
      AsyncResult<Result, Progress, Chunk>
    >
  : (...args: Args) => Signature<Result, never, true, AsyncResult<Result, Progress, Chunk>>

/** The input without its first property, which is not given twice. */
type Later<Input, First extends keyof Input> = Omit<Input, First> & { readonly [Key in First]?: never }

interface RestMaker<Args extends readonly unknown[], First, Later extends readonly unknown[], Result, Handle> {
  (): Signature<Result, First, [] extends Args ? true : false, Handle>
  (...args: Args): Signature<Result, never, true, Handle>
  (...rest: Later): Signature<Result, First, false, Handle>
}
