import { Fatal } from '../../std/errors.ts'
import type { Logger } from '../../std/log.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import { shown } from '../../std/validate.ts'
import { runOutside, type TaskContext } from '../current.ts'
import type { TaskDefinition } from '../definition.ts'
import { abortError, askedRetry } from '../jobContext.ts'
import { type BatchContext, type BatchItem, type BatchSeat, ITEM_END, ItemEnd } from './batchItem.ts'

/** An item, and what its job waits for. */
interface Joined {
  readonly item: Item
  readonly context: TaskContext
  readonly definition: TaskDefinition
}

/** What the jobs of a call share. */
interface Whole {
  /** Asks all of them to stop; its reason is an AbortReason. */
  readonly signal: StopSignal
  readonly log: Logger
}

/**
 * One call of a function with a list: each of its jobs takes a seat and joins when its input is checked and its
 * middleware has let it through. When the last has joined, or ended before, the function runs.
 */
export class BatchCall {
  readonly #whole: Whole | undefined
  readonly #joined: Joined[] = []
  /** How many seats have neither joined nor ended. */
  #missing: number

  /** `count`: how many seats are taken. `whole`: absent where there is one, whose context is that of the whole. */
  constructor(count: number, whole?: Whole) {
    this.#missing = count
    this.#whole = whole
  }

  seat(): Seat {
    return new Seat((joined) => this.#arrived(joined))
  }

  #arrived(joined: Joined | undefined): void {
    if (joined) this.#joined.push(joined)
    this.#missing--
    // Outside of the job that came last: what the function submits belongs to none of them.
    if (this.#missing === 0 && this.#joined.length > 0) void runOutside(() => this.#run())
  }

  async #run(): Promise<void> {
    const items = this.#joined.map(({ item }) => item)
    const [{ definition, context }] = this.#joined as [Joined]
    try {
      const run = definition.run as (items: readonly unknown[], ctx: BatchContext) => unknown
      const results = resultsOf(await run(items, this.#contextOf(context)), items.length, definition.name)
      for (const [at, item] of items.entries()) item.resolve(results[at])
    } catch (error) {
      for (const item of items) item.fail(error)
    }
  }

  #contextOf(first: TaskContext): BatchContext {
    const { task, hostname } = first
    const shared = { task, hostname, get: first.get.bind(first) }
    if (!this.#whole) return { ...shared, log: first.log, signal: first.signal }
    const { signal, log } = this.#whole
    const abort = new AbortController()
    const forward = (): void => abort.abort(abortError(signal.reason, first.id))
    if (signal.aborted) forward()
    else signal.addEventListener('abort', forward, { once: true })
    // With no id: its lines are of all items, and events of none.
    return { ...shared, log: log.child({ task }), signal: abort.signal }
  }
}

/** The seat of one job. */
class Seat implements BatchSeat {
  readonly #arrived: (joined: Joined | undefined) => void
  #result: Promise<unknown> | undefined
  #isTaken = true

  constructor(arrived: (joined: Joined | undefined) => void) {
    this.#arrived = arrived
  }

  join(definition: TaskDefinition, input: unknown, context: TaskContext): Promise<unknown> {
    // Middleware may call what is behind it twice.
    if (this.#result !== undefined) return this.#result
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#result = promise
    this.#free({ item: new Item(input, context, resolve, reject), context, definition })
    return promise
  }

  /** The job has ended: before it joined, the others do not wait for it. */
  leave(): void {
    this.#free(undefined)
  }

  #free(joined: Joined | undefined): void {
    if (!this.#isTaken) return
    this.#isTaken = false
    this.#arrived(joined)
  }
}

/** One item as the function sees it: what it has of its context is read there when it is asked for. */
class Item implements BatchItem<unknown> {
  readonly input: unknown
  readonly #context: TaskContext
  readonly resolve: (result: unknown) => void
  readonly #reject: (error: unknown) => void

  constructor(
    input: unknown,
    context: TaskContext,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.input = input
    this.#context = context
    this.#reject = reject
    this.resolve = (result) => (ItemEnd.is(result) ? reject(endOfAnother(context)) : resolve(result))
  }

  get id(): string {
    return this.#context.id
  }
  get attempt(): number {
    return this.#context.attempt
  }
  get queue(): string {
    return this.#context.queue
  }
  get headers(): TaskContext['headers'] {
    return this.#context.headers
  }
  get parentId(): string | undefined {
    return this.#context.parentId
  }
  get rootId(): string {
    return this.#context.rootId
  }
  get redelivered(): boolean {
    return this.#context.redelivered
  }
  get request(): TaskContext['request'] {
    return this.#context.request
  }
  get signal(): AbortSignal {
    return this.#context.signal
  }
  get log(): TaskContext['log'] {
    return this.#context.log
  }

  progress(value: unknown): Promise<void> {
    return this.#context.progress(value)
  }

  fail(error: unknown): ItemEnd {
    this.#reject(error)
    return ITEM_END
  }

  retry(options: Parameters<BatchItem<unknown>['retry']>[0] = {}): ItemEnd {
    return this.fail(askedRetry(options))
  }
}

/** A result for each item. Throws Fatal: to repeat the work does not make the list longer. */
function resultsOf(returned: unknown, count: number, task: string): readonly unknown[] {
  if (returned === undefined) return []
  if (Array.isArray(returned) && returned.length === count) return returned
  const got = Array.isArray(returned) ? `a list of ${returned.length}` : shown(returned)
  throw new Fatal(`task ${task}: batch: expected a list of ${count} results, or nothing, got ${got}`)
}

function endOfAnother({ task }: TaskContext): Fatal {
  return new Fatal(`task ${task}: batch: expected the result of an item in its place, got the end of another item`)
}
