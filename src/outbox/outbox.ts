import { type App, isApp } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import type { WorkflowOptions } from '../calls/workflowOptions.ts'
import type { AnyWorkflow, StepHandle } from '../calls/workflowTypes.ts'
import { ArgumentError } from '../std/errors.ts'
import { requireFunction, shown } from '../std/validate.ts'
import { callerTable } from './callerTable.ts'
import { OutboxRelay, type OutboxRelayOptions } from './relay.ts'
import { type OutboxTableOptions, tableOf } from './schema.ts'
import { OutboxUnitOfWork } from './unitOfWork.ts'

export { OutboxRelay, type OutboxRelayOptions } from './relay.ts'
export { type OutboxDatabase, type OutboxTableOptions, outboxSchema } from './schema.ts'

interface Sendable {
  readonly sender: unknown
  applyAsync(first: readonly unknown[], options: WorkflowOptions): Promise<unknown>
}

/**
 * The outbox of an app: a table in a database of yours, PostgreSQL or SQLite, in which jobs wait for a relay that
 * publishes them. For an app whose broker is Redis, RabbitMQ or another database: a job is a row of your transaction.
 */
export class Outbox {
  readonly #app: App
  readonly #table: string

  /** Throws ArgumentError. */
  constructor(app: App, options: OutboxTableOptions = {}) {
    if (!isApp(app)) throw new ArgumentError(`Outbox: expected an app, got ${shown(app)}`)
    this.#app = app
    this.#table = tableOf(options)
  }

  /**
   * Send a call, `task.s(…)`, or a workflow in the transaction that is open on this client: a relay publishes it once
   * you have committed. Resolves with its handle, whose state is UNKNOWN until then. `client` as of `app.within`.
   * Rejects with ArgumentError for another client, and without an open transaction or the table; for what is wrong with
   * the call as `applyAsync`; with NotSupportedError for a task with `unique`, `debounce` or `throttle`, and with
   * `idempotencyExpires`.
   */
  async add<Call extends AnyWorkflow>(
    client: object,
    call: Call,
    options: WorkflowOptions = {},
  ): Promise<StepHandle<Call>> {
    const sent = call as unknown as Sendable | undefined
    const own = this.#app.signature('celeriac.outbox') as unknown as Sendable
    // Of another app it would be sent at once.
    if (typeof sent?.applyAsync !== 'function' || sent.sender !== own.sender)
      throw new ArgumentError(
        `outbox: expected a call of a task of this app, as task.s(…), or a workflow of such calls, got ${shown(call)}`,
      )
    return this.within(client, () => sent.applyAsync([], options) as Promise<StepHandle<Call>>)
  }

  /** The same of all that the app sends in a function, and in what it awaits: as `app.within`. */
  async within<Result>(client: object, run: () => Promise<Result>): Promise<Result> {
    requireFunction(run, 'outbox')
    const table = callerTable(client, this.#table)
    return internalsOf(this.#app).sendThrough((...given) => new OutboxUnitOfWork(table, ...given), run)
  }

  /** What publishes the jobs. Throws ArgumentError. */
  relay(options: Omit<OutboxRelayOptions, 'table'>): OutboxRelay {
    return new OutboxRelay(this.#app, { ...options, table: this.#table })
  }
}
