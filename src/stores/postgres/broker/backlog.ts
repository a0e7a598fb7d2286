import { type Backlog, dueSince, earliest, MAX_PRIORITIES, type QueueBacklog } from '../../../broker/backlog.ts'
import type { Envelope } from '../../../protocol/envelope.ts'
import { readAnyMessage, readMessage } from '../../../protocol/packedMessage.ts'
import type { Database } from '../connection/database.ts'
import type { Row } from '../connection/pipeline.ts'
import { NOT_CLAIMED, textArray } from './claims.ts'

const SIZES = {
  name: 'backlog_sizes',
  text: `SELECT q.name, (
      SELECT count(*) FROM (SELECT q.name AS lane UNION ALL SELECT name FROM celeriac.lane WHERE queue = q.name) AS l
      JOIN celeriac.message m ON m.queue = l.lane WHERE m.due IS NULL AND ${NOT_CLAIMED}
    ) FROM unnest($1::text[]) AS q (name)`,
}

const TOTALS = {
  name: 'backlog_totals',
  text: `SELECT (SELECT count(*) FROM celeriac.message WHERE due IS NOT NULL), (SELECT count(*) FROM celeriac.claim)`,
}

/** Lanes of a queue of which the next message is looked at: those whose turn is first. */
const MAX_SEEN_LANES = 1000

/** Of each queue, and of its lanes, the next message of each priority. */
const NEXT = {
  name: 'backlog_next',
  text: `WITH RECURSIVE lanes AS MATERIALIZED (
    SELECT q.name, q.name AS lane FROM unnest($1::text[]) AS q (name)
    UNION ALL SELECT q.name, l.name FROM unnest($1::text[]) AS q (name) CROSS JOIN LATERAL (
      SELECT name FROM celeriac.lane WHERE queue = q.name ORDER BY blocked, turn LIMIT ${MAX_SEEN_LANES}
    ) AS l
  ), next AS (
    SELECT q.name, q.lane, 1 AS number, m.* FROM lanes AS q CROSS JOIN LATERAL (
      SELECT rank, task_id, head FROM celeriac.message m
      WHERE m.queue = q.lane AND m.due IS NULL AND ${NOT_CLAIMED} ORDER BY rank, seq LIMIT 1
    ) m
    UNION ALL
    SELECT n.name, n.lane, n.number + 1, m.* FROM next n CROSS JOIN LATERAL (
      SELECT rank, task_id, head FROM celeriac.message m
      WHERE m.queue = n.lane AND m.due IS NULL AND m.rank > n.rank AND ${NOT_CLAIMED} ORDER BY rank, seq LIMIT 1
    ) m WHERE n.number < ${MAX_PRIORITIES}
  )
  SELECT name, task_id, head FROM next`,
}

/** What lies in a schema. */
export async function readBacklog(database: Database, queues: readonly string[]): Promise<Backlog> {
  const names = textArray(queues)
  const [sizes = [], [totals] = [], next = []] = await database.run(
    [
      { statement: SIZES, values: [names] },
      { statement: TOTALS, values: [] },
      { statement: NEXT, values: [names] },
    ],
    { repeatable: true },
  )
  const backlogs = sizes.map(([name, waiting]): [string, QueueBacklog] => {
    const moments = next.filter(([queue]) => queue === name).map(sinceOf)
    return [name as string, { waiting: Number(waiting), oldest: earliest(moments) }]
  })
  return { queues: new Map(backlogs), delayed: Number(totals?.[0]), held: Number(totals?.[1]) }
}

/** SQL: what waits in the queue $1 and its lanes. */
export const WAITING_IN: string = `(SELECT $1::text AS name UNION ALL SELECT name FROM celeriac.lane WHERE queue = $1) AS q
  JOIN celeriac.message m ON m.queue = q.name WHERE m.due IS NULL AND ${NOT_CLAIMED}`
/** SQL: bytes of the messages `m`. Of what is long the length alone is read. */
export const BYTES: string =
  'coalesce(sum(octet_length(m.head) + coalesce(octet_length(m.body), octet_length(m.bytes))), 0)'
const QUEUE_BYTES = { name: 'queue_bytes', text: `SELECT ${BYTES} FROM ${WAITING_IN}` }

/** `MessageBytes.waiting`. */
export async function bytesIn(database: Database, queue: string): Promise<number> {
  const [[row] = []] = await database.run([{ statement: QUEUE_BYTES, values: [queue] }], { repeatable: true })
  return Number(row?.[0])
}

/** Of a queue, or of its lanes where nothing else waits: in the order of the lanes' turns. */
const OLDEST = {
  name: 'backlog_oldest',
  text: `WITH places AS (
    SELECT $1::text AS name, 0 AS place
    UNION ALL SELECT l.name, l.place FROM (
      SELECT name, row_number() OVER (ORDER BY blocked, turn, id) AS place FROM celeriac.lane WHERE queue = $1
    ) AS l WHERE NOT EXISTS (
      SELECT FROM celeriac.message m WHERE m.queue = $1 AND m.due IS NULL AND m.task_id IS NOT NULL AND ${NOT_CLAIMED}
    )
  )
  SELECT o.task_id FROM places AS p CROSS JOIN LATERAL (
    SELECT m.task_id, m.seq FROM celeriac.message m
    WHERE m.queue = p.name AND m.due IS NULL AND m.task_id IS NOT NULL AND ${NOT_CLAIMED} AND m.rank = (
      SELECT m.rank FROM celeriac.message m WHERE m.queue = p.name AND m.due IS NULL AND ${NOT_CLAIMED}
      ORDER BY m.rank DESC LIMIT 1
    ) ORDER BY m.seq LIMIT $2
  ) AS o ORDER BY p.place, o.seq LIMIT $2`,
}

/** `Broker.oldest`. */
export async function oldestIn(database: Database, queue: string, count: number): Promise<readonly string[]> {
  const steps = [{ statement: OLDEST, values: [queue, count] }]
  const [rows = []] = await database.run(steps, { repeatable: true })
  return rows.flatMap(([id]) => id ?? [])
}

/** Of a queue, then of its lanes in the order of their turns. */
const PEEK = {
  name: 'backlog_peek',
  text: `WITH places AS (
    SELECT $1::text AS name, 0 AS place
    UNION ALL SELECT name, row_number() OVER (ORDER BY blocked, turn, id) FROM celeriac.lane WHERE queue = $1
  )
  SELECT o.task_id, o.head, o.body, encode(o.bytes, 'base64') FROM places AS p CROSS JOIN LATERAL (
    SELECT m.rank, m.seq, m.task_id, m.head, m.body, m.bytes FROM celeriac.message m
    WHERE m.queue = p.name AND m.due IS NULL AND ${NOT_CLAIMED} ORDER BY m.rank, m.seq LIMIT $2
  ) AS o ORDER BY p.place, o.rank, o.seq LIMIT $2`,
}

/** `Broker.peek`. */
export async function peekIn(database: Database, queue: string, count: number): Promise<readonly Envelope[]> {
  const [rows = []] = await database.run([{ statement: PEEK, values: [queue, count] }], { repeatable: true })
  return rows.map(([id = null, head, body, bytes]) =>
    readAnyMessage({ head: head as string, body: body ?? Buffer.from(bytes ?? '', 'base64') }, id),
  )
}

function sinceOf([, taskId = null, head]: Row): number | undefined {
  return dueSince(taskId, etaOf(taskId, head as string))
}

/** The body is not read: of the head alone. */
function etaOf(taskId: string | null, head: string): unknown {
  try {
    return readMessage({ head, body: '' }, taskId).headers.eta
  } catch {
    // A damaged row: the worker that takes it refuses it.
    return undefined
  }
}
