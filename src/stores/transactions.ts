import { AsyncLocalStorage } from 'node:async_hooks'
import type { Submission, UnitOfWork } from '../backend/unitOfWork.ts'
import { ArgumentError } from '../std/errors.ts'

/** What calls are sent through. */
interface Sending {
  readonly unitOfWork: UnitOfWork
}

/** Transactions of the caller in which calls are sent: `app.within`. */
export class Transactions<Stores extends Sending> {
  readonly #here = new AsyncLocalStorage<Transaction<Stores>>()

  /** Through which a call is sent from here; undefined outside of a transaction. */
  get stores(): Stores | undefined {
    return this.#here.getStore()?.stores
  }

  /** `stores` submit in the transaction. Rejects with what `run` rejects, and where a call was not awaited in it. */
  async run<Result>(stores: Stores, run: () => Promise<Result>): Promise<Result> {
    const transaction = new Transaction(stores)
    let result: Result
    try {
      result = await this.#here.run(transaction, run)
    } catch (error) {
      await transaction.end()
      throw error
    }
    const open = await transaction.end()
    if (open > 0)
      throw new ArgumentError(
        `within: expected that every call is awaited before its function ends, got ${open} that ${open === 1 ? 'was' : 'were'} not: roll the transaction back`,
      )
    return result
  }

  /** Throws ArgumentError where one of these tasks was sent in the transaction in which this is called. */
  refuseWait(ids: Iterable<string>): void {
    const transaction = this.#here.getStore()
    if (!transaction) return
    for (const id of ids)
      if (transaction.has(id))
        throw new ArgumentError(
          `task ${id} was sent in a transaction that is not committed: wait for it after the commit, outside of within`,
        )
  }
}

/** One transaction, as long as the function runs that sends in it. */
class Transaction<Stores extends Sending> {
  readonly stores: Stores
  readonly #ids = new Set<string>()
  readonly #open = new Set<Promise<unknown>>()
  #hasEnded = false

  constructor(stores: Stores) {
    this.stores = { ...stores, unitOfWork: this.#around(stores.unitOfWork) }
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Nothing more is sent. Resolves, when all that was begun has ended, with how many that were. */
  async end(): Promise<number> {
    this.#hasEnded = true
    const open = [...this.#open]
    await Promise.allSettled(open)
    return open.length
  }

  #around(inner: UnitOfWork): UnitOfWork {
    const { submitMany, submitGroup, notes, limits } = inner
    return {
      atomic: inner.atomic,
      submit: (one) => this.#track([one], () => inner.submit(one)),
      ...(submitMany && { submitMany: (all) => this.#track(all, () => submitMany.call(inner, all)) }),
      ...(submitGroup && {
        submitGroup: (all, ...rest) => this.#track(all, () => submitGroup.call(inner, all, ...rest)),
      }),
      ...(notes && {
        notes: {
          get: (key) => this.#track([], () => notes.get(key)),
          put: (note) => this.#track([], () => notes.put(note)),
        },
      }),
      ...(limits && { limits: { define: (rules) => this.#track([], () => limits.define(rules)) } }),
      settle: (settlement) => inner.settle(settlement),
      write: (writing) => inner.write(writing),
      emit: (output, delivery) => inner.emit(output, delivery),
    }
  }

  async #track<Value>(submissions: readonly Submission[], write: () => Promise<Value>): Promise<Value> {
    if (this.#hasEnded)
      throw new ArgumentError(
        'within: expected that every call is awaited before its function ends, got one that comes later: nothing was sent',
      )
    for (const { meta, message } of submissions) {
      const id = meta?.task_id ?? message?.envelope.properties.correlationId
      if (id !== undefined) this.#ids.add(id)
    }
    const writing = write()
    this.#open.add(writing)
    try {
      return await writing
    } finally {
      this.#open.delete(writing)
    }
  }
}
