import { Deferred } from '../../../std/deferred.ts'

let due: (() => void)[] = []

/** All steps in one callback: what they send leaves in one write. */
function atEndOfTurn(step: () => void): void {
  if (due.push(step) > 1) return
  setImmediate(() => {
    const steps = due
    due = []
    for (const one of steps) one()
  })
}

/**
 * Gathers what is requested in one turn of the event loop, and does it together: one round trip for all. If there are
 * very many, the first are sent before the turn is over, then twice as many, and so on: the server works on them while
 * the rest is prepared.
 */
export class Batch<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>
  readonly #first: number
  #waiting: { readonly item: Item; readonly done: Deferred<Result> }[] = []
  /** Wait until there are this many, or the turn is over. */
  #most: number
  #scheduled = false

  /**
   * `run` answers for each item, in their order, with an Error for one that failed alone; `first`: how many are sent
   * without waiting for the end of the turn.
   */
  constructor(
    run: (items: readonly Item[]) => Promise<readonly (Result | Error)[]>,
    first: number = Number.POSITIVE_INFINITY,
  ) {
    this.#run = run
    this.#first = first
    this.#most = first
  }

  add(item: Item): Promise<Result> {
    const done = new Deferred<Result>()
    this.#waiting.push({ item, done })
    if (!this.#scheduled) {
      this.#scheduled = true
      atEndOfTurn(() => this.#end())
    }
    if (this.#waiting.length >= this.#most) {
      this.#most *= 2
      this.flush()
    }
    return done.promise
  }

  /** Do now what has been requested so far. */
  flush(): void {
    if (this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#run(batch.map(({ item }) => item)).then(
      (results) => {
        for (const [at, { done }] of batch.entries()) {
          const result = results[at]
          if (result instanceof Error) done.reject(result)
          else done.resolve(result as Result)
        }
      },
      (error: unknown) => {
        for (const { done } of batch) done.reject(error)
      },
    )
  }

  #end(): void {
    this.#scheduled = false
    this.#most = this.#first
    this.flush()
  }
}
