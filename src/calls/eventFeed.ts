import type { ResultBackend } from '../backend/backend.ts'
import { type Change, changesAfter, type History, isBroken, newestOf, unlogged } from '../backend/eventLog.ts'
import type { TaskMeta } from '../protocol/result.ts'
import { isFinal } from '../protocol/states.ts'
import { Deferred } from '../std/deferred.ts'
import { UnknownJobError } from '../std/errors.ts'

/** What a subscriber gets: a change, or the notice that changes before the next one are not kept any more. */
export type Step = Change | 'gap'

/** Changes of one task that all of its subscribers get without a read of the store for each. */
const MAX_RECENT_CHANGES = 64

/** Subscribers to tasks in this process: one watch of the store per task, for any number of subscribers. */
export class EventFeed {
  readonly #backend: ResultBackend
  readonly #tasks = new Map<string, TaskFeed>()

  constructor(backend: ResultBackend) {
    this.#backend = backend
  }

  /** Tasks that have a subscriber now. */
  get size(): number {
    return this.#tasks.size
  }

  /** The task's history; undefined where it is not known. */
  async history(id: string, after: number): Promise<History | undefined> {
    const { events } = this.#backend
    if (events) return (await events.read([{ id, after }]))[0]
    const [meta] = await this.#backend.load([id])
    return meta && unlogged(meta)
  }

  /**
   * Every change and emission after the number `after`, each once, in order, to the end; then it ends, as on abort. A
   * number that the task never reached is answered by a gap and its whole life. States that were not counted are
   * reported as they are seen: only the newest when they come faster than they are read. Throws UnknownJobError for a
   * task that is not known, or is forgotten meanwhile.
   */
  async *follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const task = this.#join(id)
    const subscriber = new Subscriber(after, signal)
    task.subscribers.add(subscriber)
    try {
      while (!signal.aborted) {
        const woken = subscriber.rest()
        for (const step of await this.#steps(task, subscriber)) {
          yield step
          if (signal.aborted || (step !== 'gap' && isFinal(step.meta.status))) return
        }
        // For a subscriber that knows the end already.
        if (task.end !== undefined && subscriber.after === task.end) return
        await woken
      }
    } finally {
      subscriber.end()
      task.subscribers.delete(subscriber)
      if (task.subscribers.size === 0) this.#leave(id, task)
    }
  }

  /** The steps that the subscriber has not received. */
  async #steps(task: TaskFeed, subscriber: Subscriber): Promise<readonly Step[]> {
    const { after } = subscriber
    const recent = task.since(after)
    if (recent) return subscriber.take(recent)
    const history = await this.history(task.id, after)
    if (!history) throw new UnknownJobError(task.id, this.#backend.hint)
    if (after > newestOf(history)) {
      const whole = await this.history(task.id, 0)
      subscriber.after = 0
      return whole ? ['gap', ...subscriber.take(changesAfter(whole, 0))] : []
    }
    const steps = subscriber.take(changesAfter(history, after))
    return isBroken(history, after) ? withGap(steps) : steps
  }

  #join(id: string): TaskFeed {
    const known = this.#tasks.get(id)
    if (known) return known
    const task = new TaskFeed(id)
    this.#tasks.set(id, task)
    void this.#watch(task)
    return task
  }

  #leave(id: string, task: TaskFeed): void {
    task.stop.abort()
    if (this.#tasks.get(id) === task) this.#tasks.delete(id)
  }

  /** Reads the news of each change once, and wakes the subscribers. */
  async #watch(task: TaskFeed): Promise<void> {
    try {
      for await (const _meta of this.#backend.watch([task.id], task.stop.signal)) {
        const history = await this.history(task.id, task.seen)
        if (history) task.add(history)
      }
    } catch (error) {
      task.failure = { error }
    }
    task.wake()
  }
}

/** PENDING is always known; the missing changes come after it. */
function withGap(steps: readonly Step[]): readonly Step[] {
  const [first, ...rest] = steps
  return first !== 'gap' && first?.seq === 1 ? [first, 'gap', ...rest] : ['gap', ...steps]
}

/** A task that has a subscriber. */
class TaskFeed {
  readonly id: string
  readonly subscribers = new Set<Subscriber>()
  readonly stop = new AbortController()
  failure: { readonly error: unknown } | undefined
  /** Number up to which it was read. */
  seen = 0
  /** Number of its end, once that was read. */
  end: number | undefined
  #from = 0
  #recent: readonly Change[] = []

  constructor(id: string) {
    this.id = id
  }

  /** The changes after that number, if the recent ones reach back to it. Throws where the watch has failed. */
  since(after: number): readonly Change[] | undefined {
    if (this.failure) throw this.failure.error
    if (this.#recent.length === 0 || after < this.#from || after > this.seen) return undefined
    return this.#recent.filter(({ seq }) => seq === undefined || seq > after)
  }

  add(history: History): void {
    const newest = newestOf(history)
    if (newest < this.seen) {
      // The store has lost its data: each subscriber reads by itself.
      this.#recent = []
    } else {
      this.#append(history)
    }
    this.seen = newest
    this.end = isFinal(history.meta.status) ? newest : undefined
    this.wake()
  }

  wake(): void {
    for (const subscriber of this.subscribers) subscriber.wake()
  }

  #append(history: History): void {
    const fresh = changesAfter(history, this.seen)
    if (isBroken(history, this.seen)) {
      this.#from = history.first - 1
      this.#recent = fresh.filter(({ seq }) => seq !== 1)
    } else {
      this.#recent = [...this.#recent.filter(({ seq }) => seq !== undefined), ...fresh]
    }
    if (this.#recent.length <= MAX_RECENT_CHANGES) return
    this.#recent = this.#recent.slice(-MAX_RECENT_CHANGES)
    this.#from = (this.#recent[0]?.seq ?? this.seen + 1) - 1
  }
}

/** The position of one subscriber. */
class Subscriber {
  /** Number of the last change that it received. */
  after: number
  readonly #signal: AbortSignal
  readonly #wake = (): void => this.wake()
  #waiting = new Deferred<void>()
  #uncounted: TaskMeta | undefined

  constructor(after: number, signal: AbortSignal) {
    this.after = after
    this.#signal = signal
    signal.addEventListener('abort', this.#wake, { once: true })
  }

  /** Resolves at the next change from now. */
  rest(): Promise<void> {
    this.#waiting = new Deferred()
    return this.#waiting.promise
  }

  wake(): void {
    this.#waiting.resolve()
  }

  /** The changes that it has not received: an uncounted state is received again only when it differs. */
  take(changes: readonly Change[]): readonly Change[] {
    return changes.filter(({ seq, meta }) => {
      if (seq === undefined) return this.#takeUncounted(meta)
      if (seq <= this.after) return false
      this.after = seq
      return true
    })
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#wake)
  }

  #takeUncounted(meta: TaskMeta): boolean {
    const known = this.#uncounted
    this.#uncounted = meta
    return !known || known.status !== meta.status || plain(known.result) !== plain(meta.result)
  }
}

function plain(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}
