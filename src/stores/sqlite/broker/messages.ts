import type { StatementSync } from 'node:sqlite'
import type { PublishOptions, Route } from '../../../broker/broker.ts'
import { isLane, laneOf } from '../../../broker/lane.ts'
import { calledTask, type Envelope } from '../../../protocol/envelope.ts'
import { EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../../protocol/event.ts'
import { LIMITS_HEADER } from '../../../protocol/limits.ts'
import { type PackedMessage, packMessage, readMessage } from '../../../protocol/packedMessage.ts'
import type { Clock } from '../../../std/clock.ts'
import { fitsTopic } from '../../../std/glob.ts'
import type { Connection } from '../file.ts'
import { changeWindow } from '../window.ts'
import type { Lanes } from './lanes.ts'
import { Bindings } from './leases.ts'

/** A claimed message. `claims` is the fence: a settlement must name it. */
export interface Row {
  readonly seq: number
  readonly queue: string
  readonly priority: number
  readonly claims: number
  readonly lost: number
  readonly task_id: string | null
  readonly head: string
  readonly body: string | Uint8Array
}

/** Names one claim of one message. */
export interface Hold {
  readonly seq: number
  readonly owner: number
  readonly claims: number
  /** It holds a part of its limits: those of this lane. */
  readonly lane?: string | undefined
}

/** What else a consumer waits for. */
interface Outlook {
  /** When the next delayed message is due, ms since the epoch. */
  readonly due: number | undefined
  /** The file has limits. */
  readonly limited: boolean
}

interface TaskRow {
  readonly task_id: string | null
}

const COLUMNS = 'seq, queue, priority, claims, lost, task_id, head, body'

/** Every statement on messages. Those that write are for use inside a transaction of the file's writer. */
export class Messages {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #lanes: Lanes
  readonly #insert: StatementSync
  readonly #bindings: Bindings
  readonly #bound: StatementSync
  readonly #hasBinding: StatementSync
  readonly #isFull: StatementSync
  readonly #owned: StatementSync
  readonly #claim: StatementSync
  readonly #take: StatementSync
  readonly #promote: StatementSync
  readonly #ack: StatementSync
  readonly #give: StatementSync
  readonly #held: StatementSync
  readonly #giveSome: StatementSync
  readonly #dropHeld: StatementSync
  readonly #ready: StatementSync
  #outlook: StatementSync | undefined

  constructor(connection: Connection, clock: Clock, lanes: Lanes) {
    const { db } = connection
    this.#connection = connection
    this.#clock = clock
    this.#lanes = lanes
    this.#bindings = new Bindings(db)
    this.#insert = db.prepare(
      'INSERT INTO celeriac_message (queue, priority, due, owner, task_id, head, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#bound = db.prepare('SELECT queue, routing_key AS pattern FROM celeriac_binding WHERE exchange = ?')
    this.#hasBinding = db.prepare('SELECT 1 FROM celeriac_binding WHERE exchange = ? LIMIT 1')
    // By the index: as many entries as there are, and at most as many as may be.
    this.#isFull = db.prepare(
      'SELECT 1 FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL LIMIT 1 OFFSET ?',
    )
    this.#owned = db.prepare("SELECT 1 FROM celeriac_binding WHERE exchange = '' AND queue = ?")
    // A statement with `LIMIT ?` is compiled for each execution, with all triggers; one with `LIMIT ? + 0` is not.
    this.#claim = db.prepare(`UPDATE celeriac_message SET owner = ?, claims = claims + 1 WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL
      ORDER BY priority DESC, seq LIMIT ? + 0
    ) RETURNING ${COLUMNS}`)
    this.#take = db.prepare(`UPDATE celeriac_message SET owner = ?, claims = claims + 1, due = NULL WHERE seq = (
      SELECT seq FROM celeriac_message WHERE task_id = ? AND owner IS NULL LIMIT 1
    ) RETURNING ${COLUMNS}`)
    this.#promote = db.prepare(`UPDATE celeriac_message SET due = NULL WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE due <= ? ORDER BY due, seq LIMIT ? + 0
    )`)
    this.#ack = db.prepare('DELETE FROM celeriac_message WHERE seq = ? AND owner = ? AND claims = ?')
    this.#give = db.prepare('UPDATE celeriac_message SET owner = NULL WHERE seq = ? AND owner = ? AND claims = ?')
    this.#held = db.prepare('SELECT 1 FROM celeriac_message WHERE seq = ? AND owner = ? AND claims = ?')
    this.#giveSome = db.prepare(`UPDATE celeriac_message SET owner = NULL WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE owner = ? LIMIT ? + 0
    )`)
    this.#dropHeld = db.prepare(`DELETE FROM celeriac_message WHERE seq IN (
      SELECT seq FROM celeriac_message WHERE owner = ? LIMIT ? + 0
    ) RETURNING task_id`)
    this.#ready = db.prepare('SELECT 1 FROM celeriac_message WHERE queue = ? AND owner IS NULL AND due IS NULL LIMIT 1')
  }

  /**
   * Add a message, or a copy for each queue bound to its exchange. `owner`: what holds it from the beginning; default:
   * it waits.
   */
  publish(
    envelope: Envelope,
    { exchange, routingKey, queues: declared }: Route,
    { notBefore, transient }: PublishOptions = {},
    owner: number | null = null,
  ): void {
    if (transient && exchange === '' && this.#owned.get(routingKey) === undefined) return
    if (declared) this.#bindings.bind(declared, null)
    const queues = exchange === '' ? [routingKey] : this.#receiving(exchange, routingKey)
    const { head, body } = packMessage(envelope)
    const due = notBefore !== undefined && notBefore > this.#clock.now() ? Math.ceil(notBefore) : null
    const id = calledTask(envelope) ?? null
    for (const queue of queues)
      this.#insert.run(this.place(queue, envelope), envelope.properties.priority ?? 0, due, owner, id, head, body)
    if (owner === null) this.#connection.touch('messages')
  }

  /** Where a message of this queue lies: in the queue itself, or in its lane, which is made where it is missing. */
  place(queue: string, { headers }: Envelope): string {
    const lane = headers[LIMITS_HEADER] === undefined ? undefined : laneOf(queue, headers)
    if (!lane) return queue
    this.#lanes.enter(lane)
    return lane.name
  }

  /** Messages were taken out of a queue or lane without a claim. */
  left(queue: string): void {
    if (isLane(queue)) this.#lanes.unblock(queue)
  }

  /** The queues that get what is sent to an exchange. A receiver of events that does not read gets no more of them. */
  #receiving(exchange: string, routingKey: string): readonly string[] {
    const rows = this.#bound.all(exchange) as unknown as { queue: string; pattern: string | null }[]
    const queues = rows.flatMap(({ queue, pattern }) =>
      pattern === null || fitsTopic(pattern, routingKey) ? [queue] : [],
    )
    return exchange === EVENT_EXCHANGE
      ? queues.filter((queue) => this.#isFull.get(queue, MAX_WAITING_EVENTS - 1) === undefined)
      : queues
  }

  /** Some queue gets what is sent to the exchange. */
  isBound(exchange: string): boolean {
    return this.#hasBinding.get(exchange) !== undefined
  }

  /** Claim up to `limit` messages of a queue, in their order. */
  claim(owner: number, queue: string, limit: number): Row[] {
    const rows = this.#claim.all(owner, queue, limit) as unknown as Row[]
    // RETURNING has no order of its own.
    return rows.sort((a, b) => b.priority - a.priority || a.seq - b.seq)
  }

  take(owner: number, taskId: string): Row | undefined {
    const row = this.#take.get(owner, taskId) as Row | undefined
    if (row && isLane(row.queue)) this.#lanes.hold(row.queue)
    return row
  }

  /** Make due messages available, the earliest first, as many as fit a window. Returns true where there may be more. */
  promote(now: number): boolean {
    return changeWindow((limit) => {
      const changes = Number(this.#promote.run(now, limit).changes)
      if (changes > 0) this.#connection.touch('messages')
      return changes
    })
  }

  /** True when the hold was still valid. */
  ack({ seq, owner, claims, lane }: Hold): boolean {
    const remove = (): boolean => Number(this.#ack.run(seq, owner, claims).changes) === 1
    if (lane === undefined) return remove()
    // Another one may pass now.
    this.#connection.touch('messages')
    return this.#lanes.settle(lane, remove)
  }

  /** Return to the queue; true when the hold was still valid. */
  give({ seq, owner, claims }: Hold): boolean {
    this.#connection.touch('messages')
    return Number(this.#give.run(seq, owner, claims).changes) === 1
  }

  /** True while the hold is valid. */
  holds({ seq, owner, claims }: Hold): boolean {
    return this.#held.get(seq, owner, claims) !== undefined
  }

  /** Release the messages that the consumer holds, as many as fit a window. Returns true where there may be more. */
  giveSome(owner: number): boolean {
    this.#connection.touch('messages')
    return changeWindow((limit) => Number(this.#giveSome.run(owner, limit).changes))
  }

  /** Drop what this one holds, at most `limit`. */
  dropHeld(owner: number, limit: number): readonly TaskRow[] {
    return this.#dropHeld.all(owner, limit) as unknown as TaskRow[]
  }

  ready(queue: string): boolean {
    return this.#ready.get(queue) !== undefined
  }

  outlook(): Outlook {
    this.#outlook ??= this.#connection.db.prepare(`SELECT
      (SELECT min(due) FROM celeriac_message WHERE due IS NOT NULL) AS due,
      EXISTS (SELECT 1 FROM celeriac_limiter) AS limited`)
    const { due, limited } = this.#outlook.get() as { due: number | null; limited: number }
    return { due: due ?? undefined, limited: limited === 1 }
  }
}

/** The envelope of a row. */
export function envelopeOf({ head, body, task_id }: PackedMessage & TaskRow): Envelope {
  return readMessage({ head, body }, task_id)
}
