import type { ContextValues } from '../../config/requestValues.ts'
import type { Duration } from '../../std/duration.ts'
import type { TaskContext } from '../current.ts'
import type { TaskDefinition } from '../definition.ts'

/** The value of `item.fail()` and `item.retry()`, which may be in the list of results in place of a result. */
export class ItemEnd {
  /** No result of a task has it: so the type of the results leaves the ends out. */
  readonly #isEnd: boolean = true

  static is(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #isEnd in value
  }
}

/** There is one, since it says nothing more. */
export const ITEM_END: ItemEnd = new ItemEnd()

/** Of the context of a task, what one item of a batch has. */
type ItemContext<Progress, Values> = Pick<
  TaskContext<Progress, Values>,
  | 'id'
  | 'attempt'
  | 'queue'
  | 'headers'
  | 'parentId'
  | 'rootId'
  | 'redelivered'
  | 'request'
  | 'signal'
  | 'log'
  | 'progress'
>

/**
 * One call in the list that a task with `batch` gets. It is a job as any other: its id, its attempt, its record and
 * what follows from it are its own. Its `signal` aborts when it is revoked, and whenever that of the batch does.
 */
export interface BatchItem<Input, Progress = unknown, Values = ContextValues> extends ItemContext<Progress, Values> {
  /** What it was called with, checked. */
  readonly input: Input
  /**
   * End this item as if it had thrown this: the retry policy of the task decides, `Fatal`, `Reject`, `Ignore` and
   * `Snooze` have their meaning. The others go on. Of several ends of an item the first counts, also before its result.
   */
  fail(error: unknown): ItemEnd
  /** Run this item again, as `ctx.retry`. Without `countdown` the task's backoff decides. */
  retry(options?: { countdown?: Duration | undefined; cause?: unknown }): ItemEnd
}

/** The context of one run with a list of items. Its `signal` aborts at the soft time limit and at shutdown. */
export type BatchContext = Pick<TaskContext, 'task' | 'hostname' | 'signal' | 'log' | 'get'>

/** Where one job of several meets the others: the run of their function. */
export interface BatchSeat {
  /** The job has come as far as the function. Resolves with its result; rejects with what ends it. */
  join(definition: TaskDefinition, input: unknown, context: TaskContext): Promise<unknown>
}

/** The result of one item: of a task whose function returns nothing, undefined. */
export type ItemResult<Return> =
  Awaited<Return> extends readonly (infer Result)[] ? Exclude<Result, ItemEnd> : undefined
