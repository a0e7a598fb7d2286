import { Deferred } from '../../std/deferred.ts'

/** Gathers what is asked for in one turn of the event loop, and does it together: one round trip for all. */
export class Batch<Item, Result> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly #waiting: { readonly item: Item; readonly done: Deferred<Result> }[] = []

  /** `run` answers for each item, in their order. */
  constructor(run: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#run = run
  }

  add(item: Item): Promise<Result> {
    const done = new Deferred<Result>()
    this.#waiting.push({ item, done })
    if (this.#waiting.length === 1) setImmediate(() => this.#flush())
    return done.promise
  }

  #flush(): void {
    const batch = this.#waiting.splice(0)
    this.#run(batch.map(({ item }) => item)).then(
      (results) => {
        for (const [at, { done }] of batch.entries()) done.resolve(results[at] as Result)
      },
      (error: unknown) => {
        for (const { done } of batch) done.reject(error)
      },
    )
  }
}
