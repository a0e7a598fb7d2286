import type { App } from '../app/app.ts'
import { internalsOf } from '../app/internals.ts'
import { pauseForStore } from '../broker/storeBackoff.ts'
import { faultOf, isRefusedToAll } from '../broker/storeErrors.ts'
import type { Stores } from '../calls/stores.ts'
import { ArgumentError, QueueFullError } from '../std/errors.ts'
import { uuid } from '../std/id.ts'
import { Lifecycle, type Service, type ServiceRun } from '../std/service.ts'
import { asError } from '../std/thrown.ts'
import { shown } from '../std/validate.ts'
import { openRelayTable } from './openRelayTable.ts'
import { publish } from './publish.ts'
import { NOTHING_SETTLED, type RelayRow, type RelayTable, type Settled } from './relayTable.ts'
import { type OutboxTableOptions, tableOf } from './schema.ts'

/** How a relay runs. */
export interface OutboxRelayOptions extends OutboxTableOptions {
  /**
   * The database of the outbox: `postgres://…`, or a SQLite file, as `sqlite:shop.db` or its path. The relay has
   * connections of its own.
   */
  database: string
  /** How many rows it takes at once. Default: 200. */
  batch?: number | undefined
}

/** How long rows stay with a relay that has died, ms; longer where the stores are waited for longer. */
const LEASE_MS = 30_000
const MAX_BATCH = 10_000
/** How often an error of unknown kind is repeated before the row is blamed for it. */
const MAX_REPEATS = 5

/** What became of a row. `access`: for want of a permission, which may concern this row alone. */
type End = { readonly kind: 'done' } | { readonly kind: 'away' | 'access' | 'refused'; readonly error: Error }

/**
 * Publishes the rows of an outbox, at least once each under the same task id, and deletes them. Any number of relays
 * may share a table: each row is with one of them, and with another one if that dies. It is notified of commits.
 */
export class OutboxRelay implements Service {
  readonly #app: App
  readonly #database: string
  readonly #table: string
  readonly #batch: number
  /** How often rows failed by an error of unknown kind, by their numbers. */
  readonly #repeats = new Map<string, number>()
  readonly #lifecycle = new Lifecycle((run) => this.#open(run))

  /** Throws ArgumentError. */
  constructor(app: App, options: OutboxRelayOptions) {
    this.#table = tableOf(options, ['database', 'batch'])
    const { database, batch = 200 } = options
    if (typeof database !== 'string' || database === '')
      throw new ArgumentError(
        `OutboxRelay: database: expected a URL or the path of a SQLite file, got ${shown(database)}`,
      )
    if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH)
      throw new ArgumentError(`OutboxRelay: batch: expected a whole number from 1 to ${MAX_BATCH}, got ${shown(batch)}`)
    this.#app = app
    this.#database = database
    this.#batch = batch
  }

  /** Rejects with ConfigError and StoreUnavailableError, where the database cannot be used. */
  start(): Promise<void> {
    return this.#lifecycle.start()
  }

  /** What it has taken is published, or left to others. */
  stop(): Promise<void> {
    return this.#lifecycle.stop()
  }

  async #open(run: ServiceRun): Promise<void> {
    const { logger, storeTimeout } = this.#app.config
    const table = await openRelayTable(this.#database, {
      table: this.#table,
      relay: uuid(),
      lease: Math.max(LEASE_MS, 3 * (storeTimeout ?? 0)),
      warn: (message) => logger.warn({}, message),
    })
    run.defer(() => table.close())
    const stores = await internalsOf(this.#app).stores()
    const rows = await table.advance(NOTHING_SETTLED, this.#batch)
    const bell = new Bell()
    run.defer(await table.onChange(() => bell.ring()))
    run.stopping.addEventListener('abort', () => bell.ring())
    const stop = new AbortController()
    run.stopping.addEventListener('abort', () => stop.abort())
    const loop = this.#relay(table, stores, { rows, bell, stop: stop.signal })
    run.defer(() => loop)
  }

  /** Never rejects. */
  async #relay(
    table: RelayTable,
    stores: Stores,
    { rows: first, bell, stop }: { rows: readonly RelayRow[]; bell: Bell; stop: AbortSignal },
  ): Promise<void> {
    const { clock } = this.#app.config
    let [rows, outages]: [readonly RelayRow[], number] = [first, 0]
    for (;;) {
      bell.mute()
      const settled = rows.length > 0 ? await this.#publishAll(rows, stores, outages === 0) : NOTHING_SETTLED
      const isAway = settled.back.length > 0
      if (rows.length > 0) outages = isAway ? outages + 1 : 0
      // An outage is waited for with no rows in hand: they may be published by others.
      rows = await this.#advance(table, settled, () => (stop.aborted || isAway ? 0 : this.#batch), stop)
      if (stop.aborted) break
      if (isAway) await pauseForStore(outages, clock, stop)
      else if (rows.length === 0) await bell.rung()
    }
    if (rows.length > 0)
      await this.#advance(table, { ...NOTHING_SETTLED, back: rows.map(({ seq }) => seq) }, () => 0, stop)
  }

  /** Waits for the database. With none when it does not answer and the relay stops: the lease releases what it has. */
  async #advance(
    table: RelayTable,
    settled: Settled,
    limit: () => number,
    stop: AbortSignal,
  ): Promise<readonly RelayRow[]> {
    for (let failures = 0; ; failures++) {
      try {
        return await table.advance(settled, limit())
      } catch (error) {
        if (failures === 0) this.#tell(error, `the outbox in ${table.url} cannot be read or changed`)
        if (stop.aborted) return []
        await pauseForStore(failures, this.#app.config.clock, stop)
      }
    }
  }

  /** `tells`: errors that concern no row alone are logged, too. */
  async #publishAll(rows: readonly RelayRow[], stores: Stores, tells: boolean): Promise<Settled> {
    const ends = await Promise.all(rows.map((row) => this.#publish(row, stores)))
    const done: string[] = []
    const back: string[] = []
    const failed: { seq: string; error: string }[] = []
    for (const [at, end] of ends.entries()) {
      const { seq } = rows[at] as RelayRow
      if (end.kind === 'done') done.push(seq)
      // What this user may not do with any message: an operator has to correct it.
      else if (end.kind === 'away' || (end.kind === 'access' && ends.every(({ kind }) => kind !== 'done')))
        back.push(seq)
      else failed.push({ seq, error: `${end.error.name}: ${end.error.message}` })
    }
    const away = ends.find((end) => end.kind === 'away' || end.kind === 'access')
    if (tells && back.length > 0 && away && 'error' in away)
      this.#tell(away.error, 'jobs of the outbox cannot be published now: they are tried again')
    for (const { seq, error } of failed)
      this.#app.config.logger.error(
        { seq, error },
        'a job of the outbox cannot be published: its row stays, with the error',
      )
    return { done, back, failed }
  }

  async #publish({ seq, attempts, body }: RelayRow, stores: Stores): Promise<End> {
    try {
      await publish(body, attempts > 1, stores)
      this.#repeats.delete(seq)
      return { kind: 'done' }
    } catch (thrown) {
      const error = asError(thrown)
      const fault = faultOf(error)
      // Room comes when workers take jobs: this one was accepted by the commit.
      const isFull = error instanceof QueueFullError
      if (isFull && error.neverFits) return { kind: 'refused', error }
      if (fault === 'outage' || isFull) return { kind: 'away', error }
      if (fault === 'access') return { kind: isRefusedToAll(error) ? 'away' : 'access', error }
      const repeats = (this.#repeats.get(seq) ?? 0) + 1
      this.#repeats.set(seq, repeats)
      if (fault === undefined && repeats < MAX_REPEATS) return { kind: 'away', error }
      this.#repeats.delete(seq)
      return { kind: 'refused', error }
    }
  }

  #tell(error: unknown, text: string): void {
    this.#app.config.logger.error({ err: asError(error) }, text)
  }
}

/** Rings when there may be rows; a wait that begins later ends at once. */
class Bell {
  #rang = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rang = true
    this.#wake?.()
  }

  /** What rings from here on counts. */
  mute(): void {
    this.#rang = false
  }

  async rung(): Promise<void> {
    if (this.#rang) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
    this.#wake = undefined
  }
}
