import type { ChangedMessage, FoundMessage, MessageChange } from '../../../broker/broker.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { edited } from '../../../protocol/messageEdit.ts'
import { packMessage } from '../../../protocol/packedMessage.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { OPEN_GATES, opening } from '../gate.ts'
import { CLAIMED_COLUMNS, type ClaimedMessage, claimedOf, NOT_CLAIMED } from './claims.ts'
import { registering } from './leases.ts'
import { columnsOf, envelopeOf } from './messages.ts'
import type { Notices } from './notices.ts'

/** Rows of one transaction of a purge. */
const MAX_PURGED_AT_ONCE = 1000

/** As `mayBePart`, by the body alone. */
const MAY_BE_PART = `(body ~ '"chord": ?\\{' OR position('\\xA563686F7264'::bytea IN bytes) > 0 OR head LIKE '%"group":"%')`

/*
 * A message that waits is locked before it is looked at once more: a transaction that claims it meanwhile has either
 * committed before that second look, or passes over it.
 */
const LOCK = {
  name: 'message_lock',
  text: `SELECT ${opening(`ARRAY(
    SELECT seq FROM celeriac.message m WHERE task_id = $1 AND ${NOT_CLAIMED} AND ($2::text IS NULL OR queue = $2 OR due IS NOT NULL)
    ORDER BY seq LIMIT 1 FOR UPDATE)`)}`,
}
const LOCKED = `m.seq = ANY (${OPEN_GATES}) AND ${NOT_CLAIMED}`

const TAKE = {
  name: 'message_take',
  text: `WITH taken AS (
    INSERT INTO celeriac.claim (seq, consumer, fence) SELECT m.seq, $1::bigint, 0 FROM celeriac.message m WHERE ${LOCKED}
    ON CONFLICT (seq) DO NOTHING RETURNING seq
  )
  UPDATE celeriac.message SET due = NULL WHERE seq = ANY (ARRAY(SELECT seq FROM taken)) RETURNING ${CLAIMED_COLUMNS}`,
}

const FOUND_COLUMNS = `m.seq, m.queue, m.rank, m.claims, m.lost, m.task_id, m.head, m.body, m.bytes, m.due, c.consumer, k.name,
  extract(epoch FROM k.lease_until) * 1000`
const HELD_BY = `LEFT JOIN celeriac.claim c ON c.seq = m.seq LEFT JOIN celeriac.consumer k ON k.id = c.consumer`

/** One that waits before one that is held: a message that was sent twice. */
const FIND = {
  name: 'message_find',
  text: `SELECT ${FOUND_COLUMNS} FROM celeriac.message m ${HELD_BY}
    WHERE m.task_id = $1 AND (m.queue = $2 OR m.due IS NOT NULL OR c.seq IS NOT NULL)
    ORDER BY c.seq IS NOT NULL, m.seq LIMIT 1`,
}
const FIND_LOCKED = {
  name: 'message_locked',
  text: `SELECT ${FOUND_COLUMNS} FROM celeriac.message m ${HELD_BY} WHERE m.seq = ANY (${OPEN_GATES})`,
}
const CHANGE = {
  name: 'message_change',
  text: `UPDATE celeriac.message SET queue = $2, rank = $3, due = $4, head = $5, body = $6, bytes = $7 WHERE seq = $1`,
}

const SIZE = {
  name: 'queue_size',
  text: `SELECT count(*) FROM celeriac.message m WHERE queue = $1 AND due IS NULL AND ${NOT_CLAIMED}`,
}

function purging(name: string, isWanted: string, order: string): [lock: Step['statement'], drop: Step['statement']] {
  const lock = `SELECT ${opening(`ARRAY(SELECT seq FROM celeriac.message m WHERE queue = $1 AND ${isWanted} AND ${NOT_CLAIMED}
    ORDER BY ${order} LIMIT ${MAX_PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED)`)}`
  const drop = `DELETE FROM celeriac.message m WHERE ${LOCKED}
    RETURNING task_id, CASE WHEN ${MAY_BE_PART} THEN head END, body, bytes`
  return [
    { name: `${name}_lock`, text: lock },
    { name: 'purge_drop', text: drop },
  ]
}

const PURGES = [
  purging('purge_ready', 'due IS NULL', 'rank, seq'),
  purging('purge_delayed', 'due IS NOT NULL', 'due, seq'),
]

/** A message that was dropped; `part`: of one that may be part of a chord. */
interface Dropped {
  readonly taskId: string | null
  readonly part: Envelope | undefined
}

/** What runs steps in one transaction. */
type Run = (steps: readonly Step[]) => Promise<Row[][]>

/** Messages that wait, by task or by queue: what is done with them out of their turn. */
export class WaitingMessages {
  readonly #database: Database
  readonly #clock: Clock
  readonly #notices: Notices

  constructor(database: Database, clock: Clock, notices: Notices) {
    this.#database = database
    this.#clock = clock
    this.#notices = notices
  }

  /** Claims it for a new consumer of its own. */
  take(taskId: string, lease: number): Promise<{ message: ClaimedMessage; consumer: number } | undefined> {
    return this.#database.transaction(async (run) => {
      const [[registered] = []] = await run([registering('take', lease)])
      const consumer = Number(registered?.[0])
      const lock = { statement: LOCK, values: [taskId, null] }
      const [, [row] = []] = await run([lock, { statement: TAKE, values: [consumer] }])
      return row && { message: claimedOf(row), consumer }
    })
  }

  async find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    const [[row] = []] = await this.#database.run([{ statement: FIND, values: [taskId, queue] }], { repeatable: true })
    return row && foundOf(row)
  }

  change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    return this.#database.transaction((run) => this.changeIn(run, taskId, queue, change))
  }

  /** In the transaction of the caller. */
  async changeIn(
    run: Run,
    taskId: string,
    queue: string,
    change: (found: FoundMessage) => ChangedMessage | undefined | Promise<ChangedMessage | undefined>,
  ): Promise<boolean> {
    const lock = { statement: LOCK, values: [taskId, queue] }
    const [, [row] = []] = await run([lock, { statement: FIND_LOCKED, values: [] }])
    const found = row && foundOf(row)
    if (!found || found.place === 'held') return false
    const changed = await change(found)
    if (changed) await run(this.#changing(row, changed))
    return true
  }

  #changing(row: Row, { queue = row[1] as string, notBefore, ...edit }: ChangedMessage): Step[] {
    const message = claimedOf(row)
    const { head, ...packed } = packMessage(edited(envelopeOf(message), edit))
    const [body, bytes] = columnsOf(packed)
    const later = notBefore !== undefined && notBefore > this.#clock.now() ? Math.ceil(notBefore) : null
    const due = notBefore === undefined ? (row[9] ?? null) : later
    const rank = edit.priority === undefined ? message.rank : -edit.priority
    const values = [message.seq, queue, rank, due, head, body, bytes]
    return [{ statement: CHANGE, values }, ...this.#notices.steps(new Map([[queue, due === null ? '' : 'd']]))]
  }

  async size(queue: string): Promise<number> {
    const [[row] = []] = await this.#database.run([{ statement: SIZE, values: [queue] }], { repeatable: true })
    return Number(row?.[0])
  }

  /** Drops the messages of a queue, a window at a time. */
  async *purge(queue: string): AsyncGenerator<readonly Dropped[], void, void> {
    for (const [lock, drop] of PURGES) {
      for (let count = MAX_PURGED_AT_ONCE; count === MAX_PURGED_AT_ONCE; ) {
        const [, rows = []] = await this.#database.run([
          { statement: lock, values: [queue] },
          { statement: drop, values: [] },
        ])
        count = rows.length
        yield rows.map(droppedOf)
      }
    }
  }
}

function droppedOf([taskId = null, head, body = null, bytes = null]: Row): Dropped {
  return { taskId, part: head == null ? undefined : envelopeOf({ taskId, head, body, bytes }) }
}

function foundOf(row: Row): FoundMessage {
  const message = claimedOf(row)
  const [due, consumer, name, ends] = row.slice(9)
  const common = { envelope: envelopeOf(message), queue: message.queue, lost: message.lost }
  if (consumer != null) {
    return { ...common, place: 'held', holder: name ?? undefined, leaseEnds: ends == null ? undefined : Number(ends) }
  }
  return due == null ? { ...common, place: 'waiting' } : { ...common, place: 'delayed', due: Number(due) }
}
