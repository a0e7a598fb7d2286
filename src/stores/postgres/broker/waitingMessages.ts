import type { ChangedMessage, FoundMessage, MessageChange } from '../../../broker/broker.ts'
import { laneOf, queueOfLane } from '../../../broker/lane.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { edited } from '../../../protocol/messageEdit.ts'
import { packMessage } from '../../../protocol/packedMessage.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { OPEN_GATES, opening } from '../gate.ts'
import { isLaneSql, queueOfSql } from '../schema/limitTables.ts'
import { CLAIMED_COLUMNS, type ClaimedMessage, claimedOf, NOT_CLAIMED, textArray } from './claims.ts'
import { enteringSteps } from './laneEntry.ts'
import { isLimited } from './lanes.ts'
import { registering } from './leases.ts'
import { columnsOf, envelopeOf } from './messages.ts'
import type { Notices, Payload } from './notices.ts'

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
    SELECT seq FROM celeriac.message m WHERE task_id = $1 AND ${NOT_CLAIMED} AND ($2::text IS NULL OR due IS NOT NULL
      OR ${queueOfSql('queue')} = $2)
    ORDER BY seq LIMIT 1 FOR UPDATE)`)}`,
}
const LOCKED = `m.seq = ANY (${OPEN_GATES}) AND ${NOT_CLAIMED}`

const TAKE = {
  name: 'message_take',
  text: `WITH taken AS (
    INSERT INTO celeriac.claim (seq, consumer, fence, lane)
    SELECT m.seq, $1::bigint, 0, (SELECT id FROM celeriac.lane l WHERE l.name = m.queue)
    FROM celeriac.message m WHERE ${LOCKED}
    ON CONFLICT (seq) DO NOTHING RETURNING seq
  )
  UPDATE celeriac.message SET due = NULL WHERE seq = ANY (ARRAY(SELECT seq FROM taken)) RETURNING ${CLAIMED_COLUMNS}`,
}

/** Of a message that was taken out of its turn. */
const OCCUPY = {
  name: 'lane_occupy',
  text: 'SELECT celeriac.occupy_lane(lane)::text FROM celeriac.claim WHERE seq = $1 AND lane IS NOT NULL',
}

const FOUND_COLUMNS = `m.seq, m.queue, m.rank, m.claims, m.lost, m.task_id, m.head, m.body, m.bytes, m.due, c.consumer, k.name,
  extract(epoch FROM k.lease_until) * 1000`
const HELD_BY = `LEFT JOIN celeriac.claim c ON c.seq = m.seq LEFT JOIN celeriac.consumer k ON k.id = c.consumer`

/** One that waits before one that is held: a message that was sent twice. */
const FIND = {
  name: 'message_find',
  text: `SELECT ${FOUND_COLUMNS} FROM celeriac.message m ${HELD_BY}
    WHERE m.task_id = $1 AND (m.due IS NOT NULL OR c.seq IS NOT NULL OR ${queueOfSql('m.queue')} = $2)
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
  text: `SELECT count(*) FROM (SELECT $1::text AS name UNION ALL SELECT name FROM celeriac.lane WHERE queue = $1) AS q
    JOIN celeriac.message m ON m.queue = q.name WHERE m.due IS NULL AND ${NOT_CLAIMED}`,
}

function purging(name: string, isWanted: string, order: string): [lock: Step['statement'], drop: Step['statement']] {
  const lock = `SELECT ${opening(`ARRAY(
    SELECT m.seq FROM unnest($1::text[]) AS q (name) CROSS JOIN LATERAL (
      SELECT seq FROM celeriac.message m WHERE queue = q.name AND ${isWanted} AND ${NOT_CLAIMED}
      ORDER BY ${order} LIMIT ${MAX_PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED
    ) m LIMIT ${MAX_PURGED_AT_ONCE}
  )`)}`
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
const LANE_PURGES = [
  purging('purge_lanes_ready', 'due IS NULL', 'rank, seq'),
  purging('purge_lanes_delayed', `due IS NOT NULL AND ${isLaneSql('queue')}`, 'due, seq'),
]

/** Lanes of a queue after this one. */
const LANES = {
  name: 'queue_lanes',
  text: `SELECT name, id FROM celeriac.lane WHERE queue = $1 AND id > $2::bigint ORDER BY id LIMIT ${MAX_PURGED_AT_ONCE}`,
}

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
      if (!row) return undefined
      const message = claimedOf(row)
      if (isLimited(message)) await run([{ statement: OCCUPY, values: [message.seq] }])
      return { message, consumer }
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

  #changing(row: Row, { queue = queueOfLane(row[1] as string), notBefore, ...edit }: ChangedMessage): Step[] {
    const message = claimedOf(row)
    const envelope = edited(envelopeOf(message), edit)
    const lane = laneOf(queue, envelope.headers)
    const { head, ...packed } = packMessage(envelope)
    const [body, bytes] = columnsOf(packed)
    const later = notBefore !== undefined && notBefore > this.#clock.now() ? Math.ceil(notBefore) : null
    const due = notBefore === undefined ? (row[9] ?? null) : later
    const rank = edit.priority === undefined ? message.rank : -edit.priority
    const values = [message.seq, lane?.name ?? queue, rank, due, head, body, bytes]
    const payload: Payload = due === null ? (lane ? 'l' : '') : 'd'
    return [
      { statement: CHANGE, values },
      ...enteringSteps(lane ? [lane] : []),
      ...this.#notices.steps(new Map([[queue, payload]])),
    ]
  }

  async size(queue: string): Promise<number> {
    const [[row] = []] = await this.#database.run([{ statement: SIZE, values: [queue] }], { repeatable: true })
    return Number(row?.[0])
  }

  /** Drops the messages of a queue, a window at a time. */
  async *purge(queue: string): AsyncGenerator<readonly Dropped[], void, void> {
    yield* this.#purge(PURGES, [queue])
    for (let [count, last] = [MAX_PURGED_AT_ONCE, '0']; count === MAX_PURGED_AT_ONCE; ) {
      const [lanes = []] = await this.#database.run([{ statement: LANES, values: [queue, last] }], { repeatable: true })
      const names = lanes.map(([name]) => name as string)
      if (names.length > 0) yield* this.#purge(LANE_PURGES, names)
      count = lanes.length
      last = lanes.at(-1)?.[1] ?? last
    }
  }

  async *#purge(purges: typeof PURGES, names: readonly string[]): AsyncGenerator<readonly Dropped[], void, void> {
    for (const [lock, drop] of purges) {
      for (let count = MAX_PURGED_AT_ONCE; count === MAX_PURGED_AT_ONCE; ) {
        const [, rows = []] = await this.#database.run([
          { statement: lock, values: [textArray(names)] },
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
  const common = { envelope: envelopeOf(message), queue: queueOfLane(message.queue), lost: message.lost }
  if (consumer != null) {
    return { ...common, place: 'held', holder: name ?? undefined, leaseEnds: ends == null ? undefined : Number(ends) }
  }
  return due == null ? { ...common, place: 'waiting' } : { ...common, place: 'delayed', due: Number(due) }
}
