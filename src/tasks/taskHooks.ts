import type { Outcome } from '../protocol/outcome.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { asError } from '../std/thrown.ts'
import { requireFunction } from '../std/validate.ts'
import type { TaskContext } from './current.ts'

/** The end of a run, for `afterReturn`: what it returned, or what it threw. */
export type TaskReturn<Result = unknown> =
  | { readonly state: 'SUCCESS'; readonly result: Result; readonly error?: undefined }
  | { readonly state: 'FAILURE'; readonly error: unknown; readonly result?: undefined }

/**
 * What runs around each run of a task, in the place where the task runs: in its context, within its time limits, and
 * awaited. `Result` is that of the task, `Context` its `ctx`. Not in a direct call.
 */
export interface TaskHooks<Result = unknown, Context = TaskContext> {
  // <TASK_HOOKS> written by `npm run docs:api` from the table below
  /**
   * Before the function, and before all middleware. What it throws is the error of the run, as in Celery: the retry
   * policy decides. Default: none.
   */
  beforeStart?: ((ctx: Context) => unknown) | undefined
  /** After it has returned, with the checked result. What it throws is logged. Default: none. */
  onSuccess?: ((result: Result, ctx: Context) => unknown) | undefined
  /** After a failure for good, with what was thrown. What it throws itself is logged. Default: none. */
  onFailure?: ((error: unknown, ctx: Context) => unknown) | undefined
  /**
   * After a failure that is repeated, with what was thrown; after `ctx.retry({ cause })` with the cause. What it throws
   * itself is logged. Default: none.
   */
  onRetry?: ((error: unknown, ctx: Context) => unknown) | undefined
  /**
   * After `onSuccess` or `onFailure`, with `{ state, result }` or `{ state, error }`; not after a run that is repeated.
   * What it throws is logged. Default: none.
   */
  afterReturn?: ((end: TaskReturn<Result>, ctx: Context) => unknown) | undefined
  // </TASK_HOOKS>
}

export const TASK_HOOKS: OptionTable<TaskHooks, TaskHooks> = {
  beforeStart: {
    kind: 'value',
    type: '(ctx: Context) => unknown',
    check: requireFunction,
    absent: 'none',
    doc: 'before the function, and before all middleware',
    more: 'What it throws is the error of the run, as in Celery: the retry policy decides.',
    celery: 'before_start',
  },
  onSuccess: {
    kind: 'value',
    type: '(result: Result, ctx: Context) => unknown',
    check: requireFunction,
    absent: 'none',
    doc: 'after it has returned, with the checked result',
    more: 'What it throws is logged.',
    celery: 'on_success',
  },
  onFailure: {
    kind: 'value',
    type: '(error: unknown, ctx: Context) => unknown',
    check: requireFunction,
    absent: 'none',
    doc: 'after a failure for good, with what was thrown',
    more: 'What it throws itself is logged.',
    celery: 'on_failure',
  },
  onRetry: {
    kind: 'value',
    type: '(error: unknown, ctx: Context) => unknown',
    check: requireFunction,
    absent: 'none',
    doc: 'after a failure that is repeated, with what was thrown; after `ctx.retry({ cause })` with the cause',
    more: 'What it throws itself is logged.',
    celery: 'on_retry',
  },
  afterReturn: {
    kind: 'value',
    type: '(end: TaskReturn<Result>, ctx: Context) => unknown',
    check: requireFunction,
    absent: 'none',
    doc: 'after `onSuccess` or `onFailure`, with `{ state, result }` or `{ state, error }`; not after a run that is repeated',
    more: 'What it throws is logged.',
    celery: 'after_return',
  },
}

type HookName = keyof TaskHooks

/** The hooks among the options of a task, and the other options. Throws ArgumentError. */
export function splitHooks<Options extends TaskHooks<never, never>>(
  { beforeStart, onSuccess, onFailure, onRetry, afterReturn, ...options }: Options,
  task: string,
): { readonly hooks: TaskHooks | undefined; readonly options: Omit<Options, HookName> } {
  const given = { beforeStart, onSuccess, onFailure, onRetry, afterReturn } as TaskHooks
  const hooks = Object.values(given).some((hook) => hook !== undefined)
    ? readOptions(TASK_HOOKS, given, `task ${task}`)
    : undefined
  return { hooks, options }
}

/** Run the hooks of the end of a run, whose outcome is decided. `error`: what the run threw. Never rejects. */
export async function runEndHooks(
  hooks: TaskHooks,
  outcome: Outcome,
  error: unknown,
  context: TaskContext,
): Promise<void> {
  const call = async (name: HookName, run: () => unknown): Promise<void> => {
    try {
      await run()
    } catch (error) {
      context.log.error({ err: asError(error) }, `${name} of task ${context.task} threw`)
    }
  }
  const { onSuccess, onFailure, onRetry, afterReturn } = hooks
  if (outcome.kind === 'success') {
    const { result } = outcome
    await call('onSuccess', () => onSuccess?.(result, context))
    await call('afterReturn', () => afterReturn?.({ state: 'SUCCESS', result }, context))
  } else if (outcome.kind === 'failure') {
    await call('onFailure', () => onFailure?.(error, context))
    await call('afterReturn', () => afterReturn?.({ state: 'FAILURE', error }, context))
  } else if (outcome.kind === 'retry') {
    await call('onRetry', () => onRetry?.(error, context))
  }
}
